package attack_test

import (
	"fmt"
	"log"

	"github.com/mm-runtime/mm/learn/attack"
)

// Change a picture so that the model does not answer its label any more.
func Example() {
	network, err := attack.Open("path/to/model", "classify", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer network.Close()
	picture := make([]uint8, 3*network.Canvas.Width*network.Canvas.Height) // of 8 bits a channel
	changed, err := network.Attack(picture, 0, attack.Options{Method: attack.PGD, Eps: 8.0 / 255, Target: -1})
	if err != nil {
		log.Fatal(err)
	}
	logits, _, _, err := network.Slope(attack.Pixels(changed), 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(network.Labels, logits)
}
