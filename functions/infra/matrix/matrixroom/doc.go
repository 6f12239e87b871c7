// Package matrixroom creates Matrix rooms, finds them, reads their state, and
// answers invitations.
package matrixroom
