import { createReadStream, createWriteStream, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { connect, flvDecoder, flvEncoder, pace } from 'rtmpipe'
import t from 'tap'
import { certificate } from '../support/certificates.ts'
import { film, folder, packets, packetsOf } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { freePort, listening, nginx, played } from '../support/nginx.ts'
import { type Player, players, publishers } from '../support/players.ts'
import { example, Program, without } from '../support/programs.ts'

/** Real programs at one port, each by every scheme it speaks: what is played is what was published, packet for packet. */
t.jobs = 2
const skip = without('ffmpeg', 'rtmpdump', 'gst-launch-1.0', 'nginx')
const options = { skip, buffered: true }

const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
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
function us(app: string, home: string): Pick<Player, 'packets'> {
  const file = join(home, 'us.flv')
  const playing = (async () => {
    await using session = await connect(app, trusting)
    await pipeline(await session.play('film'), flvEncoder(), createWriteStream(file))
  })()
  return { packets: () => playing.then(() => packets(file)) }
}

t.test(
  'one port: ffmpeg publishes over TLS, and everybody plays by all the schemes they speak',
  { ...options },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'))
    const server = new LiveServer(t, { tls, tunnel: true, live: { holdMs: 100 } })
    const base = await server.listen()
    const all: [string, Pick<Player, 'packets'>][] = []
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
  }
)

t.test('one port: we publish by every scheme, and so does GStreamer over TLS', { ...options }, async t => {
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

const MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'
const behindTls = { ...options, skip: skip || (!existsSync(MODULE) && 'libnginx-mod-stream not installed') }

t.test('rtmps: we publish to nginx-rtmp and play from it, behind the TLS of nginx', behindTls, async t => {
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

/** The certificate in files. */
function files(home: string): [cert: string, key: string] {
  const [cert, key] = [join(home, 'cert.pem'), join(home, 'key.pem')]
  writeFileSync(cert, ours.cert)
  writeFileSync(key, ours.key)
  return [cert, key]
}

t.test('the example rtmps', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const program = example(t, 'rtmps', ...files(home), '0')
  const [, url] = await program.says(/listening (rtmps:\/\/\S+)/)
  await program.says(/connected, and verified/)
  program.kill('SIGHUP')
  await program.says(/renewed/)
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/film`).ends()).code, 0)
  await program.says(/keyframe at 1000 ms/)
  const clear = publishers.ffmpeg(t, source, `${url!.replace('rtmps', 'rtmp')}/live/film`)
  t.not((await clear.ends()).code, 0)
  t.match(clear.said, /TLS required/)
})

t.test('the example one-port', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 3 })
  const program = example(t, 'one-port', ...files(home), '0')
  const [, url] = await program.says(/listening (rtmp:\/\/\S+)/)
  t.equal(await (await fetch(by('http', url!))).text(), 'Hello.\n')
  const publisher = publishers.ffmpeg(t, source, `${by('rtmps', url!)}/live/film`)
  const player = players.rtmpdump(t, `${by('rtmpte', url!)}/live/film`, home)
  await publisher.ends()
  const got = await player.packets()
  t.ok(got.length > 50)
  t.same(got, packets(source).slice(-got.length))
})

t.test('serve --tls-cert: every door is told, and at SIGHUP the certificate is read again', { ...options }, async t => {
  const home = folder(t)
  const [cert, key] = files(home)
  const program = new Program(t, process.execPath, [cli, 'serve', '--port', '0', '--tls-cert', cert, '--tls-key', key])
  for (const scheme of SCHEMES) await program.says(new RegExp(`listening ${scheme}://127.0.0.1:\\d+`))
  const [, url] = await program.says(/listening (rtmps:\S+)/)
  await using _ = await connect(`${url}/live`, trusting)
  const renewed = await certificate()
  writeFileSync(cert, renewed.cert)
  program.kill('SIGHUP')
  await program.says(/certificate not reloaded: /)
  writeFileSync(key, renewed.key)
  program.kill('SIGHUP')
  await program.says(/certificate reloaded/)
  await t.rejects(connect(`${url}/live`, trusting), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await using __ = await connect(`${url}/live`, { tls: { ca: renewed.cert } })
})

t.test(
  'serve --tls: with a certificate made up, which says so, and players that must be told to trust it',
  { ...options },
  async t => {
    const program = new Program(t, process.execPath, [cli, 'serve', '--port', '0', '--tls', '--demo'])
    const [, url] = await program.says(/listening (rtmpts:\S+)/)
    await program.says(/certificate self-signed/)
    const home = folder(t)
    const player = (...more: string[]) =>
      new Program(t, process.execPath, [cli, 'play', `${url}/live/demo`, '-o', join(home, 'demo.flv'), ...more])
    const wary = player()
    t.equal((await wary.ends()).code, 1)
    t.match(wary.said, /^rtmpipe: self-signed certificate.*; use -k to accept it$/m)
    const trustful = player('-k')
    await program.says(/play live\/demo/)
    trustful.kill('SIGINT')
    t.equal((await trustful.ends()).code, 0)
  }
)

t.test('proxy: rtmps in, rtmpe out', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const origin = new LiveServer(t, { live: { holdMs: 100 } })
  const leads = ['--listen', '0', '--tls', '--origin', by('rtmpe', await origin.listen())]
  const program = new Program(t, process.execPath, [cli, 'proxy', ...leads])
  const [, near] = await program.says(/listening (rtmps:\S+)/)
  const received = origin.received('live/film')
  t.equal((await publishers.ffmpeg(t, source, `${near}/live/film`).ends()).code, 0)
  t.same(packetsOf(await received, home), packets(source))
})

/** nginx as platforms have it in front of their servers: it ends TLS and passes the rest on. Its port. */
async function terminator(t: { teardown(end: () => unknown): unknown }, home: string, to: string): Promise<number> {
  const port = await freePort()
  const at = join(home, 'tls')
  mkdirSync(at)
  for (const [name, text] of Object.entries(ours)) writeFileSync(join(at, `${name}.pem`), text)
  writeFileSync(
    join(at, 'nginx.conf'),
    `load_module ${MODULE};
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
