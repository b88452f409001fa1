import { createReadStream, createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { connect, flvDecoder, flvEncoder, pace } from 'rtmpipe'
import t from 'tap'
import { certificate } from '../support/certificates.ts'
import { film, folder, packets } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { freePort, listening, nginx, played } from '../support/nginx.ts'
import { type Player, players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** Real programs at one port, each by every scheme it speaks: what is played is what was published, packet for packet. */
t.jobs = 2
const skip = without('ffmpeg', 'rtmpdump', 'gst-launch-1.0', 'nginx')
const options = { skip, buffered: true }

const SCHEMES = ['rtmp', 'rtmpe', 'rtmps', 'rtmpt', 'rtmpte', 'rtmpts']
/** Debian's FFmpeg speaks no RTMPE, for it has GnuTLS. */
const speaks: Record<string, readonly string[]> = {
  ffmpeg: ['rtmp', 'rtmps', 'rtmpt', 'rtmpts'],
  rtmpdump: SCHEMES,
  gstreamer: ['rtmp', 'rtmps']
}

const ours = await certificate()
const trusting = { tls: { ca: ours.cert } }
// librtmp, with GnuTLS, takes the tickets that come with TLS 1.3 for an error
const tls = { ...ours, maxVersion: 'TLSv1.2' as const }

const by = (scheme: string, url: string) => url.replace(/^rtmp/, scheme)

/** What we play of a stream of this app, by a file. */
function us(app: string, home: string): Player {
  const file = join(home, 'us.flv')
  const playing = (async () => {
    await using session = await connect(app, trusting)
    await pipeline(await session.play('film'), flvEncoder(), createWriteStream(file))
  })()
  const program = undefined as never
  return { program, packets: () => playing.then(() => packets(file)) }
}

t.test('one port: ffmpeg publishes over TLS, and everybody plays by all the schemes they speak', options, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'))
  const server = new LiveServer(t, { tls, tunnel: true, live: { holdMs: 100 } })
  const base = await server.listen()
  const all: [string, Player][] = []
  const own = (name: string) => {
    mkdirSync(join(home, name))
    return join(home, name)
  }
  for (const [name, schemes] of Object.entries(speaks)) {
    for (const scheme of schemes) {
      const play = players[name as keyof typeof players]
      all.push([`${name} by ${scheme}`, play(t, `${by(scheme, base)}/live/film`, own(`${name}-${scheme}`))])
    }
  }
  for (const scheme of SCHEMES) all.push([`we by ${scheme}`, us(`${by(scheme, base)}/live`, own(`us-${scheme}`))])
  await server.happens('play live/film', all.length)
  const publisher = publishers.ffmpeg(t, source, `${by('rtmps', base)}/live/film`)
  t.equal((await publisher.ends()).code, 0)
  const sent = packets(source)
  t.ok(sent.length > 150, `${sent.length} packets`)
  for (const [who, player] of all) t.same(await player.packets(), sent, who)
})

t.test('one port: we publish by every scheme, and so does GStreamer over TLS', options, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const sent = packets(source)
  const server = new LiveServer(t, { tls, tunnel: true, live: { holdMs: 100 } })
  const base = await server.listen()
  await Promise.all(
    SCHEMES.map(async scheme => {
      const player = players.ffmpeg(t, `${base}/${scheme}/film`)
      await server.happens(`play ${scheme}/film`)
      await using session = await connect(`${by(scheme, base)}/${scheme}`, trusting)
      await pipeline(createReadStream(source), flvDecoder(), pace(), await session.publish('film'))
      t.same(await player.packets(), sent, scheme)
    })
  )
  const received = server.received('gst/film')
  const url = `${by('rtmps', base)}/gst/film`
  t.equal((await publishers.rtmp2sink(t, source, url, 'tls-validation-flags=0').ends()).code, 0)
  t.ok((await received).length > 100)
})

t.test('rtmps: we publish to nginx-rtmp and play from it, behind the TLS of nginx', options, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const plain = await nginx(t, home)
  const app = `rtmps://127.0.0.1:${await terminator(t, home, new URL(plain).port)}/live`
  await t.rejects(connect(app), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const playing = [us(app, home), players.ffmpeg(t, `${plain}/live/film`)]
  await played(home, 2)
  await using session = await connect(app, trusting)
  await pipeline(createReadStream(source), flvDecoder(), pace(), await session.publish('film'))
  await session.close()
  for (const player of playing) t.same(await player.packets(), packets(source))
})

/** nginx as platforms have it in front of their servers: it ends TLS and passes the rest on. Its port. */
async function terminator(t: { teardown(end: () => unknown): unknown }, home: string, to: string): Promise<number> {
  const port = await freePort()
  const at = join(home, 'tls')
  mkdirSync(at)
  for (const [name, text] of Object.entries(ours)) writeFileSync(join(at, `${name}.pem`), text)
  writeFileSync(
    join(at, 'nginx.conf'),
    `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
     user root; daemon off; master_process off; pid ${at}/pid; error_log ${at}/error.log;
     events {}
     stream { server {
       listen 127.0.0.1:${port} ssl; proxy_pass 127.0.0.1:${to};
       ssl_certificate ${at}/cert.pem; ssl_certificate_key ${at}/key.pem;
     } }`
  )
  new Program(t, 'nginx', ['-p', at, '-c', join(at, 'nginx.conf')])
  await listening(port)
  return port
}
