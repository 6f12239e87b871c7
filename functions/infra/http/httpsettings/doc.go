// Package httpsettings has the settings that servers share, to be embedded in a
// program's own. It is apart from package http so that a server that is set up
// otherwise links no settings file.
package httpsettings
