import { type AddressInfo, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addressText, parseAddress } from '../../rtmfp/wire/address.ts'

/** The addresses of this machine in its own networks, with the ports of sockets that are bound to all of them, for `setPeerInfo`. */
export const localAddresses = (bound: readonly AddressInfo[]): string[] =>
  bound.flatMap(({ family, port }) =>
    Object.values(networkInterfaces())
      .flatMap(each => each ?? [])
      // a link-local address is of no use on another link
      .filter(each => !each.internal && !each.scopeid && (family === 'IPv6' || each.family === 'IPv4'))
      .map(({ address }) => addressText({ address, port }))
  )

/** The addresses that the application states; one without a port gets the port of the socket. */
export const withPort = (addresses: readonly string[], { port }: AddressInfo): string[] =>
  addresses.map(text => (isIP(text) === 0 ? text : addressText({ address: text, port })))

/** @throws TypeError for an invalid address. */
export function checkAddresses(addresses: readonly string[]): void {
  for (const text of addresses)
    if (isIP(text) === 0 && parseAddress(text) === undefined)
      throw new TypeError(`addresses must be IPv4 or IPv6, such as 192.0.2.1:1935 or [2001:db8::1]:1935, not ${text}`)
}
