import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import { join } from 'node:path'
import { type TunnelOptions, tunnelServer } from 'rtmpipe'
import t from 'tap'
import { certificate } from '../support/certificates.ts'
import { film, folder, packets, packetsOf } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { players, publishers } from '../support/players.ts'
import { example, without } from '../support/programs.ts'

/**
 * Real clients through the tunnel: what is played is what was published, packet for packet, times too. FFmpeg posts its packets
 * by ten, and forgets those that are left when it closes.
 */
const FORGOTTEN = 10
t.jobs = 3
const skip = without('ffmpeg', 'rtmpdump')
const options = { skip, buffered: true }

/** A live server behind a tunnel, gone with the test: where it is, and the requests it got. */
async function tunnelled(
  t: { teardown(end: () => unknown): unknown },
  server: LiveServer,
  secure: boolean,
  options: TunnelOptions = {}
) {
  const requests: string[] = []
  const tunnel = tunnelServer(bytes => server.server.emit('connection', bytes), options)
  const listener: http.RequestListener = (request, response) => {
    requests.push(`${request.url}`)
    tunnel(request, response)
  }
  // librtmp, with GnuTLS, takes the tickets that come with TLS 1.3 for a read of -28 bytes
  const tls = { ...(await certificate()), maxVersion: 'TLSv1.2' as const }
  const host = secure ? https.createServer(tls, listener) : http.createServer(listener)
  await new Promise<void>(resolve => host.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    host.close()
    host.closeAllConnections()
  })
  const { port } = host.address() as net.AddressInfo
  return { requests, url: `${secure ? 'rtmpts' : 'rtmpt'}://127.0.0.1:${port}/live/film` }
}

for (const secure of [false, true]) {
  t.test(`FFmpeg publishes, FFmpeg and rtmpdump play, over ${secure ? 'https' : 'http'}`, { ...options }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'))
    const server = new LiveServer(t, { live: { holdMs: 100 } })
    const { url, requests } = await tunnelled(t, server, secure)
    const received = server.received('live/film')
    const all = [players.ffmpeg(t, url), players.rtmpdump(t, url, home)]
    await server.happens('play live/film', 2)
    const begun = performance.now()
    t.equal((await publishers.ffmpeg(t, source, url).ends()).code, 0)
    const got = packetsOf(await received, home)
    const sent = packets(source)
    t.ok(got.length > sent.length - FORGOTTEN, `${got.length} packets of ${sent.length}`)
    t.same(
      got,
      sent.filter(packet => got.includes(packet))
    )
    for (const player of all) t.same(await player.packets(), got)
    await server.happens('unpublish live/film')
    t.same(
      server.events.filter(event => event.startsWith('error')),
      [],
      'and leave in peace'
    )
    t.ok(requests.filter(path => path.startsWith('/close/')).length > 0)
    const most = (250 * (performance.now() - begun)) / 1000
    t.ok(requests.length < most, `${requests.length} posts, though librtmp never waits`)
  })
}

t.test('the example', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const program = example(t, 'rtmpt-in-your-http-server', '0')
  const [, base] = await program.says(/listening (rtmpt:\/\/\S+)/)
  const page = async () => (await fetch(base!.replace('rtmpt', 'http'))).text()
  t.equal(await page(), 'There is nothing to see.\n')
  const url = `${base}/live/film`
  const publisher = publishers.ffmpeg(t, source, url)
  const player = players.ffmpeg(t, url)
  await publisher.ends()
  t.equal(await page(), 'There is live/film to see.\n')
  const got = await player.packets()
  const sent = packets(source)
  t.ok(got.length > sent.length - FORGOTTEN, `${got.length} packets of ${sent.length}`)
  t.same(
    got,
    sent.filter(packet => got.includes(packet))
  )
})
