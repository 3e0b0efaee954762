package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// writeSRT writes SubRip subtitles.
func writeSRT(w io.Writer, r result) error {
	for i, s := range r.Segments {
		_, err := fmt.Fprintf(w, "%d\n%s --> %s\n%s\n\n", i+1, stamp(s.Start, ","), stamp(s.End, ","), oneLine(s.Text))
		if err != nil {
			return err
		}
	}
	return nil
}

// inCue escapes what would be markup in a cue of WebVTT.
var inCue = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// writeVTT writes WebVTT subtitles (www.w3.org/TR/webvtt1).
func writeVTT(w io.Writer, r result) error {
	_, err := fmt.Fprint(w, "WEBVTT\n\n")
	for _, s := range r.Segments {
		if err != nil {
			break
		}
		_, err = fmt.Fprintf(w, "%s --> %s\n%s\n\n", stamp(s.Start, "."), stamp(s.End, "."), inCue.Replace(oneLine(s.Text)))
	}
	return err
}

// oneLine is a text without line breaks, which would end a subtitle.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// stamp is a time as subtitles have it.
func stamp(at time.Duration, point string) string {
	ms := at.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}
