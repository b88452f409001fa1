import { type Address, parseAddress } from '../wire/address.ts'

/** A client has few interfaces; further addresses are ignored. Whoever asks for the client says hello at each. */
const MAX_ADDRESSES = 16

/**
 * The addresses of a `setPeerInfo` command (RFC 7425, 5.3.3), which a client says it can be reached by. `args` are those behind the
 * transaction id. What is no address is ignored.
 */
export function readPeerInfo(args: readonly unknown[]): Address[] {
  const addresses: Address[] = []
  for (const text of args.slice(0, MAX_ADDRESSES + 1)) {
    const address = typeof text === 'string' ? parseAddress(text) : undefined
    if (address !== undefined) addresses.push(address)
  }
  return addresses
}
