package checkpoint

import (
	"fmt"

	"github.com/mm-runtime/mm/internal/token"
)

// Config is config.json: the network's sizes, the ids of its tokens and the
// tasks that it was trained on. train/checkpoint.py writes it.
type Config struct {
	Format     int              `json:"format"` // 1
	Name       string           `json:"name"`
	Version    string           `json:"version"`
	Model      Model            `json:"model"`
	Vocabulary token.Vocabulary `json:"vocabulary"`
	Tasks      []Task           `json:"tasks"`
}

// Model gives the sizes of the network (Config in train/model.py).
type Model struct {
	Width            int     `json:"width"`       // D, columns of every row
	Heads            int     `json:"heads"`       // of D/heads columns, an even number
	FFN              int     `json:"ffn"`         // hidden units of a feed-forward layer
	Experts          int     `json:"experts"`     // of a mixture
	TopExperts       int     `json:"top_experts"` // that a row goes to
	ExpertFFN        int     `json:"expert_ffn"`  // hidden units of one expert
	Vocab            int     `json:"vocab"`       // rows of the embedding
	EncoderBlocks    int     `json:"encoder_blocks"`
	DecoderBlocks    int     `json:"decoder_blocks"`
	EncoderMoE       []int   `json:"encoder_moe"` // blocks whose feed-forward layer is a mixture
	DecoderMoE       []int   `json:"decoder_moe"`
	ConvWidth        int     `json:"conv_width"`        // taps of a depthwise convolution
	EncoderDilations []int   `json:"encoder_dilations"` // one a block
	DecoderDilations []int   `json:"decoder_dilations"`
	IODilations      []int   `json:"io_dilations"` // of the I/O mixer's two convolutions
	MergeWidth       int     `json:"merge_width"`  // taps of its last one
	RopeBase         float64 `json:"rope_base"`
	NormEps          float64 `json:"norm_eps"`
	MaxPositions     int     `json:"max_positions"` // rows of the longest text segment or output
	Audio            *Audio  `json:"audio,omitempty"`
	Image            *Image  `json:"image,omitempty"`
}

// Audio describes the encoder of sounds, which a network may lack.
type Audio struct {
	Bands  int `json:"bands"`  // of a log-mel frame
	Window int `json:"window"` // frames of the longest segment
	Blocks int `json:"blocks"` // behind the strided stages; none where it is not there
	Expand int `json:"expand"` // hidden units of a block, per column
}

// Image describes the encoder of pictures, which a network may lack.
type Image struct {
	Channels []int `json:"channels"` // of each stage, the last being the width
	Blocks   []int `json:"blocks"`   // of each stage
	Expand   int   `json:"expand"`   // hidden units of a block per channel
}

// MaxBeam is the most hypotheses that a search keeps.
const MaxBeam = 32

// Task is one thing the model can do. Tasks are data: a command token in front
// of the input, a modality in, a decoder out.
type Task struct {
	Name    string   `json:"name"`           // "translate"; several tasks may share it
	From    []string `json:"from,omitempty"` // languages of the input, where there is a choice
	To      string   `json:"to,omitempty"`   // language of the output
	Command string   `json:"command"`        // a name in the vocabulary's commands
	Input   string   `json:"input"`          // "text", "audio" or "image"
	Output  string   `json:"output"`         // "sequence", "tree", "classes" or "boxes"
	Head    string   `json:"head,omitempty"` // whose weights make the classes, boxes or letters; tasks may share it
	Labels  []string `json:"labels,omitempty"`
	Letters string   `json:"letters,omitempty"` // that a head hears beside the sequence's words, one byte each
	Share   float64  `json:"share,omitempty"`   // that they have in its decisions
	Words   float64  `json:"words,omitempty"`   // weight in them of which word follows which, as words.safetensors says
	Beam    int      `json:"beam,omitempty"`    // hypotheses that a search keeps unless it is told a number; 0 for 1
	Canvas  []int    `json:"canvas,omitempty"`  // width and height that a picture is brought to
	Fit     string   `json:"fit,omitempty"`     // how: "crop", "squeeze" or "letterbox"
}

// maxConfig is the most bytes of config.json that are read.
const maxConfig = 1 << 20

// readConfig decodes and checks config.json. Unknown fields are errors: they may
// change what the weights mean.
func readConfig(data []byte) (Config, error) {
	var c Config
	if err := decodeStrict(data, &c); err != nil {
		return Config{}, err
	}
	if c.Format != 1 {
		return Config{}, fmt.Errorf("format: %d, want 1", c.Format)
	}
	if c.Name == "" || c.Version == "" {
		return Config{}, fmt.Errorf("name: %q, version: %q, want both", c.Name, c.Version)
	}
	if err := c.Model.check(); err != nil {
		return Config{}, err
	}
	if err := c.Vocabulary.Check(); err != nil {
		return Config{}, err
	}
	if c.Model.Vocab != c.Vocabulary.Size {
		return Config{}, fmt.Errorf("model.vocab: %d, want vocabulary.size, %d", c.Model.Vocab, c.Vocabulary.Size)
	}
	if err := c.checkTasks(); err != nil {
		return Config{}, err
	}
	return c, c.checkPositions()
}
