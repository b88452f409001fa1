import net from 'node:net'
import { type RtmpUrl, readRtmpUrl } from './rtmp-url.ts'

export interface DialOptions {
  /** Ends the attempt, and then the connection, with an AbortError. */
  signal?: AbortSignal
}

const PORTS: Readonly<Record<string, number>> = { rtmp: 1935 }

/**
 * The way to where a URL points, by its scheme: a Duplex of bytes, to lay a wire over: `messageWire(dial(url), { role: 'client' })`.
 * It is given before the connection is made; what is written waits, and that nobody is there is an error of the Duplex. The wire's
 * `limits.handshakeMs` bounds the time.
 * @throws TypeError for what is no URL, and for a scheme that is not spoken here.
 */
export function dial(
  url: string | Pick<RtmpUrl, 'scheme' | 'host' | 'port'>,
  { signal }: DialOptions = {}
): net.Socket {
  const { scheme, host, port } = typeof url === 'string' ? readRtmpUrl(url) : url
  const usual = PORTS[scheme]
  if (usual === undefined) throw new TypeError(`${scheme}:// is not spoken here, but ${Object.keys(PORTS).join(', ')}`)
  // half-open, so that last words reach a peer that has ended; undelayed, for every write is a whole message or more
  const way = { host, port: port ?? usual, allowHalfOpen: true, noDelay: true }
  return net.connect(signal === undefined ? way : { ...way, signal })
}
