import { type AddressInfo, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addressText, parseAddress } from '../../rtmfp/wire/address.ts'

/** Where sockets that are bound to all addresses of this machine are reached in its own networks, as `setPeerInfo` has it. */
export const localAddresses = (bound: readonly AddressInfo[]): string[] =>
  bound.flatMap(({ family, port }) =>
    Object.values(networkInterfaces())
      .flatMap(each => each ?? [])
      // a link-local address means nothing on another link
      .filter(each => !each.internal && !each.scopeid && (family === 'IPv6' || each.family === 'IPv4'))
      .map(({ address }) => addressText({ address, port }))
  )

/** Addresses that the application says it is reached by: one without a port has that of the socket. */
export const withPort = (addresses: readonly string[], { port }: AddressInfo): string[] =>
  addresses.map(text => (isIP(text) === 0 ? text : addressText({ address: text, port })))

/** @throws TypeError for a text that is no address. */
export function checkAddresses(addresses: readonly string[]): void {
  for (const text of addresses)
    if (isIP(text) === 0 && parseAddress(text) === undefined)
      throw new TypeError(`addresses must be IPv4 or IPv6, such as 192.0.2.1:1935 or [2001:db8::1]:1935, not ${text}`)
}
