// Command kind is kind itself, from its own module, so that no machine needs it installed.
package main

import "sigs.k8s.io/kind/cmd/kind/app"

func main() { app.Main() }
