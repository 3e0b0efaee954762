"""Batches made by worker processes. One Python thread packs about a quarter of a million target tokens a second, which is
plenty for a CPU and too little for a GPU."""
import multiprocessing
import queue
import signal


def prefetch(make, workers, depth=4):
    """A function that returns the next batch of whichever worker has one; make(i) is worker i's Packer. The workers
    share the corpora with this process (they are forked) and end with it."""
    context = multiprocessing.get_context("fork")
    ready = context.Queue(depth * workers)

    def work(i):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training process
        packer = make(i)
        while True:
            ready.put(packer.next())

    processes = [context.Process(target=work, args=(i,), daemon=True) for i in range(workers)]
    for p in processes:
        p.start()

    def get(timeout=20):
        while True:
            try:
                return ready.get(timeout=timeout)
            except queue.Empty:
                if dead := [p.exitcode for p in processes if not p.is_alive()]:
                    raise RuntimeError(f"feed: {len(dead)} of {workers} workers ended, exit codes {dead}") from None
    return get
