import { type AddressInfo, isIPv6, type Server } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import type { WireServer, WireServerOptions } from '../index.ts'
import { type CertificateFiles, readCertificate, selfSigned } from './certificate.ts'
import type { Log } from './log.ts'

/** Where a server listens, and what it accepts beside rtmp, rtmpe, rtmpt and rtmpte. */
export interface DoorOptions {
  host: string
  port: number
  /** Also TLS: with the certificate of these files, or `'self-signed'`. */
  tls?: CertificateFiles | 'self-signed' | undefined
  /** Also rtmfp, on this UDP port. */
  rtmfpPort?: number | undefined
  /** Also rtws, and rtwss with a certificate, on the port. */
  rtws?: boolean
  /** Addresses and ranges whose connections begin with a header of the PROXY protocol. */
  proxyProtocolFrom?: readonly string[] | undefined
}

export interface OpenDoors {
  /** The rtmp URL. */
  readonly url: string
  /** All URLs, the rtmp URL first. */
  readonly urls: readonly string[]
  /** Reads the certificate of these files for new connections. */
  reload(tls: DoorOptions['tls']): void
}

/** The options of the server. */
export async function doorsWith({
  host,
  tls,
  rtmfpPort,
  proxyProtocolFrom: from
}: DoorOptions): Promise<Pick<WireServerOptions, 'tls' | 'tunnel' | 'rtmfp' | 'proxyProtocol'>> {
  const rtmfp = rtmfpPort !== undefined && { port: rtmfpPort }
  const door = { tunnel: true, rtmfp, ...(from && { proxyProtocol: { from } }) }
  if (tls === undefined) return door
  return { ...door, tls: tls === 'self-signed' ? await selfSigned(reachable(host)) : readCertificate(tls) }
}

/** Listens, and logs each URL after those that others listen at; or explains that the port is in use. */
export async function openDoors(
  server: WireServer,
  { host, port, tls, rtws = false }: DoorOptions,
  log: Log,
  otherUrls: readonly string[] = []
): Promise<OpenDoors> {
  const { address, port: bound } = await listen(server, host, port)
  const [first, ...others] = reachable(address).map(each => authority(each, bound))
  const plain = ['rtmp', 'rtmpe', 'rtmpt', 'rtmpte', ...(rtws ? ['rtws'] : [])]
  const schemes = tls === undefined ? plain : [...plain, 'rtmps', 'rtmpts', ...(rtws ? ['rtwss'] : [])]
  const rtmfp = server.rtmfpAddress
  const urls = [
    ...schemes.map(scheme => `${scheme}://${first}`),
    ...others.map(other => `rtmp://${other}`),
    ...(rtmfp === undefined ? [] : [`rtmfp://${authority(reachable(rtmfp.address)[0]!, rtmfp.port)}`])
  ]
  for (const url of [...otherUrls, ...urls]) log('listening', { url })
  if (tls === 'self-signed') log('certificate', { message: 'self-signed' })
  return {
    url: `rtmp://${first}`,
    urls,
    reload(files) {
      // a server without TLS gets none
      if (typeof files !== 'object' || tls === undefined) return
      try {
        server.setSecureContext(readCertificate(files))
        log('certificate', { message: 'reloaded' })
      } catch (error) {
        log('certificate', { message: `not reloaded: ${(error as Error).message}` })
      }
    }
  }
}

/**
 * The addresses at which `address` can be reached: for `0.0.0.0` or `::` those of the network interfaces, IPv4 first.
 * Link-local IPv6 addresses are left out, because they need the name of an interface.
 */
export function reachable(
  address: string,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces()
): readonly string[] {
  if (address !== '0.0.0.0' && address !== '::') return [address]
  const all = Object.values(interfaces).flatMap(each => each ?? [])
  const found = all.filter(each => !each.internal && !/^fe80:/i.test(each.address)).map(each => each.address)
  const [four, six] = [found.filter(each => !isIPv6(each)), found.filter(isIPv6)]
  const others = address === '::' ? [...four, ...six] : four
  return others.length > 0 ? others : [address === '::' ? '::1' : '127.0.0.1']
}

/** The authority of a URL: an address, IPv6 in brackets, and a port. */
export const authority = (address: string, port: number): string =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`

/** Listens; or explains that the port is in use. */
export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    return await bind(server, host, port)
  } catch (error) {
    const { code, syscall, port: taken = port } = error as NodeJS.ErrnoException & { port?: number }
    if (code !== 'EADDRINUSE') throw error
    throw new Error(
      `${syscall === 'bind' ? 'UDP port' : 'port'} ${taken} on ${host} is already in use; choose another, or 0 for any free port`
    )
  }
}

/** Listens. */
export async function bind(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return server.address() as AddressInfo
}
