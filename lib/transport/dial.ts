import net from 'node:net'
import { RtmpError } from '../errors.ts'
import type { RtmpUrl } from './rtmp-url.ts'

export interface DialOptions {
  /** Ends the attempt, and then the connection. */
  signal?: AbortSignal
  /** Milliseconds that the connection may take to be made: 10,000. */
  timeoutMs?: number
}

const PORTS: Readonly<Record<string, number>> = { rtmp: 1935 }
const TIMEOUT_MS = 10_000

/**
 * Connects to where a URL points, by its scheme: the Duplex of bytes that a wire is laid over.
 * @throws TypeError for a scheme that is not spoken here, RtmpError `ERR_RTMP_CONNECT_TIMEOUT`, an AbortError, and the errors of
 *   sockets such as ECONNREFUSED.
 */
export async function dial(
  { scheme, host, port }: Pick<RtmpUrl, 'scheme' | 'host' | 'port'>,
  { signal, timeoutMs = TIMEOUT_MS }: DialOptions = {}
): Promise<net.Socket> {
  const usual = PORTS[scheme]
  if (usual === undefined) throw new TypeError(`${scheme}:// is not spoken here, but ${Object.keys(PORTS).join(', ')}`)
  signal?.throwIfAborted()
  // half-open, so that last words reach a peer that has ended; undelayed, for every write is a whole message or more
  const socket = net.connect({ host, port: port ?? usual, allowHalfOpen: true, noDelay: true })
  const timer = setTimeout(
    () => socket.destroy(new RtmpError('ERR_RTMP_CONNECT_TIMEOUT', `${host}, within ${timeoutMs} ms`)),
    timeoutMs
  )
  const abort = () => socket.destroy(signal!.reason)
  signal?.addEventListener('abort', abort, { once: true })
  socket.once('close', () => signal?.removeEventListener('abort', abort))
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
  } finally {
    clearTimeout(timer)
  }
  return socket
}
