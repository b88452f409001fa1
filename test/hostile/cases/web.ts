import type { Stage, WebGuest } from '../../support/hostile.ts'
import { alive } from '../../support/memory.ts'
import { again, hex, joined, zeros } from './case.ts'

/** One threat to the HTTP side of `rtmpipe serve`: what a guest sends, and what has to become of it. */
export interface WebCase {
  /** Its row in the table of threats: H of HTTP, W of WebSocket. */
  readonly row: string
  readonly what: string
  /** What is sent, each by a connection of its own. */
  readonly sends: readonly Buffer[]
  /** What is heard in answer. */
  readonly hears?: RegExp
  /** Whether the connection is closed; without it, another request is answered. */
  readonly ends?: 'closed'
  /** Whether the bytes are sent one by one, for as long as the connection lasts. */
  readonly slowly?: true
  /** Whether the guest reads what it is sent. */
  readonly reads?: false
  /** Bytes that the process may hold for it, where that is the matter. */
  readonly holds?: number
  /** What happens when all has been sent. */
  readonly meanwhile?: (stage: Stage, guest: WebGuest) => unknown
}

const text = (said: string): Buffer => Buffer.from(said, 'latin1')
const get = (path: string, ...headers: string[]): Buffer =>
  text([`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n'))
const method = (name: string): Buffer => text(`${name} /live/witness.flv HTTP/1.1\r\nHost: localhost\r\n\r\n`)
const KEY = `Sec-WebSocket-Key: ${'a'.repeat(22)}==`
const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', KEY]
const watching = get('/live/witness.flv', ...handshake)
/** Frames behind a handshake: an unmasked header, or one with a mask of zeros. */
const frames = (...bytes: Buffer[]): Buffer => joined(watching, ...bytes)
const masked = (first: number, payload: Buffer): Buffer =>
  joined(Buffer.of(first, 0x80 | payload.length), zeros(4), payload)
const STALL_MS = 30_000

/** More than the buffers of a connection hold. */
const fills = async (stage: Stage) => {
  for (let i = 0; i < 24; i++) await stage.witness(1_000_000)
}

/** A guest that reads nothing while the stream goes on, until its time is over. */
const stalls = async (stage: Stage) => {
  await fills(stage)
  stage.clock.pass(STALL_MS)
}

export const ofWeb: readonly WebCase[] = [
  { row: 'H1', what: 'headers a byte at a time', sends: [get(`/${'a'.repeat(8000)}`)], slowly: true, ends: 'closed' },
  { row: 'H1', what: 'a connection that says nothing', sends: [zeros(0)], ends: 'closed' },
  {
    row: 'H2',
    what: 'a path of 15 KB',
    sends: [get(`/${'a'.repeat(15_000)}`), get(`/live/${'%2f'.repeat(5000)}.flv`)],
    hears: /^HTTP\/1\.1 404 /
  },
  {
    row: 'H2',
    what: 'a path, a header and many headers of 1 MB',
    sends: [
      get(`/${'a'.repeat(1_000_000)}.flv`),
      get('/live/witness.flv', `X: ${'a'.repeat(1_000_000)}`),
      get('/live/witness.flv', ...Array.from({ length: 100_000 }, (_, i) => `X${i}: a`))
    ],
    hears: /^HTTP\/1\.1 431 /,
    ends: 'closed'
  },
  {
    row: 'H3',
    what: 'paths that lead elsewhere',
    sends: [
      '/../../../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/live/../../etc/passwd.flv',
      '/live/%2e%2e%2f%2e%2e%2fetc%2fpasswd.flv',
      '/live\\..\\..\\film.flv',
      '//evil.example/live/film.flv',
      'http://evil.example/live/film.flv',
      '/live/film%00.flv',
      '/__proto__/constructor.flv',
      '/.flv',
      '/live/film.flv.flv?a=1&a=2&__proto__=1'
    ].map(path => get(path)),
    hears: /^HTTP\/1\.1 404 /
  },
  {
    row: 'H3',
    what: 'malformed escapes',
    sends: ['/live/%.flv', '/live/%zz.flv', '/live/%c0%ae.flv', '/%ff/film.flv', '/%u0041.flv'].map(path => get(path)),
    hears: /^HTTP\/1\.1 400 /
  },
  {
    row: 'H4',
    what: 'what is no HTTP, or means two things',
    sends: [
      hex('16030102000100'),
      Buffer.alloc(3073, 3),
      text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      text('GET /live/wit\0ness.flv HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      text('GET / HTTP/1.1\r\n\r\n'),
      text('GET / HTTP/1.1\r\nHost: localhost\r\nHost : evil\r\n\r\n'),
      text('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
      text('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd')
    ],
    hears: /HTTP\/1\.1 400 /,
    ends: 'closed'
  },
  {
    row: 'H4',
    what: 'a chunk of a body that is longer than any number',
    sends: [text('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n')],
    hears: /^HTTP\/1\.1 404 /,
    ends: 'closed'
  },
  {
    row: 'H4',
    what: 'methods that change something',
    sends: ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'].map(method),
    hears: /^HTTP\/1\.1 405 /
  },
  {
    row: 'H4',
    what: 'a tunnel to elsewhere',
    sends: [text('CONNECT evil:80 HTTP/1.1\r\nHost: evil\r\n\r\n')],
    ends: 'closed'
  },
  {
    row: 'H5',
    what: 'a body of 10 MB that nobody asked for',
    sends: [
      joined(
        text('POST /live/film.flv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n'),
        zeros(10_000_000)
      )
    ],
    hears: /^HTTP\/1\.1 405 /,
    holds: 2_000_000
  },
  {
    row: 'H6',
    what: 'names of a stranger for this machine',
    sends: [
      ...['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80', '[::1', '127.1', 'a@127.0.0.1'].map(
        host => text(`GET /page HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      )
    ],
    hears: /^HTTP\/1\.1 421 /
  },
  {
    row: 'H7',
    what: 'a viewer that reads nothing',
    sends: [get('/live/witness.flv')],
    reads: false,
    meanwhile: stalls,
    ends: 'closed'
  },
  {
    row: 'H8',
    what: '1,000 requests at once',
    sends: [joined(again(1000, get('/live/film.flv')), get('/page'))],
    hears: /HTTP\/1\.1 200 OK[\s\S]*page$/
  },
  {
    row: 'W1',
    what: 'an upgrade to nowhere',
    sends: [get('/', ...handshake), get('/live/film.flv', ...handshake), get('/live/.flv/x', ...handshake)],
    hears: /^HTTP\/1\.1 404 /,
    ends: 'closed'
  },
  {
    row: 'W1',
    what: 'an upgrade by a page of a stranger',
    sends: ['http://evil.example', 'null', 'http://localhost.evil.example', 'http://localhost:1', ''].map(origin =>
      get('/live/witness.flv', ...handshake, `Origin: ${origin}`)
    ),
    hears: /^HTTP\/1\.1 403 /,
    ends: 'closed'
  },
  {
    row: 'W1',
    what: 'a handshake that is none',
    sends: [
      get('/live/witness.flv', ...handshake.slice(0, 3)),
      get('/live/witness.flv', ...handshake.slice(0, 2), 'Sec-WebSocket-Version: 99', KEY),
      get('/live/witness.flv', ...handshake.slice(0, 3), 'Sec-WebSocket-Key: short'),
      get('/live/witness.flv', ...handshake, 'Sec-WebSocket-Protocol: ,,')
    ],
    hears: /^HTTP\/1\.1 400 /,
    ends: 'closed'
  },
  {
    row: 'W1',
    what: 'an upgrade to another protocol',
    sends: ['h2c', 'TLS/1.3', 'x'.repeat(1000)].map(name =>
      get('/film.flv', 'Connection: Upgrade', `Upgrade: ${name}`)
    ),
    hears: /^HTTP\/1\.1 404 /,
    ends: 'closed'
  },
  {
    row: 'W2',
    what: 'messages that are too long, or announced so',
    sends: [
      frames(hex('82ff7fffffffffffffff00000000')),
      frames(hex('82ffffffffffffffffff00000000')),
      frames(hex('82ff000000000640000000000000')),
      frames(hex('82fe040100000000')),
      frames(hex('89fe007e00000000'), zeros(126))
    ],
    hears: /^HTTP\/1\.1 101 /,
    ends: 'closed'
  },
  {
    row: 'W2',
    what: 'fragments without end, with nothing in them or with little',
    sends: [
      frames(masked(0x02, zeros(0)), again(100_000, masked(0x00, zeros(0)))),
      frames(masked(0x02, zeros(1)), again(100_000, masked(0x00, zeros(1))))
    ],
    hears: /^HTTP\/1\.1 101 /,
    ends: 'closed'
  },
  {
    row: 'W2',
    what: 'frames that are unmasked, reserved or out of place',
    sends: [
      frames(hex('8200')),
      frames(masked(0xc2, zeros(1))),
      frames(masked(0x83, zeros(0))),
      frames(masked(0x8b, zeros(0))),
      frames(masked(0x80, zeros(0))),
      frames(masked(0x09, zeros(0))),
      frames(masked(0x02, zeros(0)), masked(0x82, zeros(0))),
      frames(masked(0x81, hex('ff'))),
      frames(masked(0x88, zeros(1))),
      frames(masked(0x88, hex('0000')))
    ],
    hears: /^HTTP\/1\.1 101 /,
    ends: 'closed'
  },
  {
    row: 'W3',
    what: 'a viewer that reads nothing',
    sends: [watching],
    reads: false,
    meanwhile: stalls,
    ends: 'closed'
  },
  {
    row: 'W3',
    what: '200,000 pings by a viewer that reads nothing',
    sends: [watching],
    reads: false,
    meanwhile: async (stage, guest) => {
      await fills(stage)
      const before = alive()
      await guest.writes(again(200_000, masked(0x89, zeros(0))))
      const held = alive() - before
      if (held > 4_000_000) throw new Error(`it holds ${held} bytes more`)
      stage.clock.pass(STALL_MS)
    },
    ends: 'closed'
  }
]
