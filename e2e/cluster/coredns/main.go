// Command coredns is CoreDNS with only the plugins a sealed one-node cluster needs: Services and Pods
// from the API server, and a plain NXDOMAIN for every name outside, where no resolver is reachable.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

func init() {
	dnsserver.Directives = []string{"bind", "errors", "kubernetes", "template"}
}

func main() { coremain.Run() }
