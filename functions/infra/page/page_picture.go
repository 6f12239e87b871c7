package page

import (
	"cmp"
)

// PagePictureConfig is a directed graph and how it is drawn.
type PagePictureConfig struct {
	Name   string // what the graph shows, for all readers
	Nodes  []PagePictureNode
	Edges  []PagePictureEdge
	Middle string   // ID of the node that the picture is about; empty: none
	Path   []string // IDs of the nodes on a highlighted path, in order; nil: none
	// Hub is how many edges a node may receive. Edges to a node that receives
	// more are left out, and the node is listed above the picture: lines that
	// come from everywhere say nothing. Zero: 12; negative: draw them all.
	Hub int
	// Group draws one box for each Group of nodes with its nodes in it, and
	// lines from box to box; the lines of a node are seen when it is chosen.
	Group bool
}

// PagePictureNode is a node of a picture.
type PagePictureNode struct {
	ID    string
	Label string // short; cut after 40 characters
	Group string // with PagePictureConfig.Group
	Kind  string // named in the legend, which gives the first six kinds a colour each
	URL   string // of its link; may be empty
	Hint  string // its tooltip
	// Lines are further lines in the box, such as a table's columns; not with
	// PagePictureConfig.Group.
	Lines []string
}

// PagePictureEdge is an edge, by the IDs of its nodes. Those of unknown nodes,
// of a node to itself and repeated ones are left out.
type PagePictureEdge struct{ From, To string }

// PagePicture is a graph as SVG, in columns from left to right in the
// direction of the edges, with a legend, zoom, and a list behind it for who
// can't see it. A chosen node lights all that leads to it and all that it
// leads to. Nodes without an edge are only in the list.
//
// The layout takes some 10 ms for 125 nodes and 300 edges.
//
// More in page_picture.md:
//   - Beyond about 30 nodes, group them: a picture of 125 nodes and all their
//     lines can't be read.
//   - Edges that close a cycle are drawn backwards.
func PagePicture(cfg PagePictureConfig) PageComponent {
	cfg.Hub = cmp.Or(cfg.Hub, 12)
	d := draw(cfg)
	return PageHTML(d.write)
}
