"""Hand-written doubles of Google's servers for what no emulator does: wrong answers, broken streams, row policies.

The product's real code and Google's real clients talk to them over HTTP and gRPC on loopback ports. Shapes follow the
public REST and RPC references.
"""
