module github.com/mm-runtime/mm/bench/peers/ortgo

go 1.26.8

require github.com/yalue/onnxruntime_go v1.27.0

require github.com/mm-runtime/mm v0.0.0

require (
	github.com/dlclark/regexp2 v1.10.0 // indirect
	github.com/google/uuid v1.3.0 // indirect
	github.com/pkoukk/tiktoken-go v0.1.8 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace github.com/mm-runtime/mm => ../../..
