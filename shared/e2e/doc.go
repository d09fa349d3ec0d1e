// Package e2e drives the product as its users do: the template, unchanged, deployed into an emulator of its own that
// enforces IAM policies and signatures, called by HTTP, answering by webhook. It holds tests alone.
package e2e
