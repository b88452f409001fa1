import { type Address, parseAddress } from '../wire/address.ts'

/** A client has few interfaces; further addresses are ignored, because every initiator sends its hello to each. */
const MAX_ADDRESSES = 16

/**
 * The addresses of a `setPeerInfo` command (RFC 7425, 5.3.3), at which a client reports that it can be reached. `args` are those after the
 * transaction id. Invalid addresses are ignored.
 */
export function readPeerInfo(args: readonly unknown[]): Address[] {
  const addresses: Address[] = []
  for (const text of args.slice(0, MAX_ADDRESSES + 1)) {
    const address = typeof text === 'string' ? parseAddress(text) : undefined
    if (address !== undefined) addresses.push(address)
  }
  return addresses
}
