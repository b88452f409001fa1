import type { AddressInfo } from 'node:net'
import type { WireServer, WireServerOptions } from '../index.ts'
import { type CertificateFiles, readCertificate, selfSigned } from './certificate.ts'
import type { Log } from './log.ts'

/** Where a server listens, and what it speaks there beside rtmp, rtmpe, rtmpt and rtmpte. */
export interface DoorOptions {
  host: string
  port: number
  /** TLS too: with the certificate in these files, or `'self-signed'` with one made up on the spot. */
  tls?: CertificateFiles | 'self-signed' | undefined
}

export interface OpenDoors {
  /** The plain one of them. */
  readonly url: string
  /** Reads the certificate's files again, for whoever comes from now on. */
  reload(): void
}

/** What a server must be made with. */
export async function doorsWith({ host, tls }: DoorOptions): Promise<Pick<WireServerOptions, 'tls' | 'tunnel'>> {
  if (tls === undefined) return { tunnel: true }
  return { tunnel: true, tls: tls === 'self-signed' ? await selfSigned(host) : readCertificate(tls) }
}

/** Listens, and tells of each door; or says what to do about a port that is taken. */
export async function openDoors(server: WireServer, { host, port, tls }: DoorOptions, log: Log): Promise<OpenDoors> {
  const address = await listen(server, host, port)
  const schemes = ['rtmp', 'rtmpe', 'rtmpt', 'rtmpte', ...(tls === undefined ? [] : ['rtmps', 'rtmpts'])]
  for (const scheme of schemes) log('listening', { url: `${scheme}://${address}` })
  if (tls === 'self-signed') log('certificate', { message: 'made up, and vouched for by nobody' })
  return {
    url: `rtmp://${address}`,
    reload() {
      if (typeof tls !== 'object') return
      try {
        server.setSecureContext(readCertificate(tls))
        log('certificate', { message: 'read again' })
      } catch (error) {
        log('certificate', { message: `stays: ${(error as Error).message}` })
      }
    }
  }
}

/** The address as a URL has it, `host:port`. */
async function listen(server: WireServer, host: string, port: number): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} of ${host} is taken; name another, or 0 for any that is free`)
  }
  const { address, family, port: bound } = server.address() as AddressInfo
  return `${family === 'IPv6' ? `[${address}]` : address}:${bound}`
}
