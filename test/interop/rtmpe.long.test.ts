import { createReadStream, createWriteStream, mkdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { deflateSync } from 'node:zlib'
import { type ConnectOptions, connect, flvDecoder, flvEncoder, pace, swfHash } from 'rtmpipe'
import t from 'tap'
import { film, folder, packets } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** RTMPE with the programs that speak it: rtmpdump as a client, rtmpsrv as a server. Debian's FFmpeg does not. */
t.jobs = 2
const options = { skip: without('ffmpeg', 'rtmpdump'), buffered: true }

/** Plays into a file as a user does. */
async function play(url: string, file: string, how: ConnectOptions): Promise<string[]> {
  await using session = await connect(url, how)
  await pipeline(await session.play('film'), flvEncoder(), createWriteStream(file))
  return packets(file)
}

/** rtmpdump's player, in a folder of its own. */
function rtmpdump(t: Parameters<typeof folder>[0], url: string, home: string, name: string, ...more: string[]) {
  const own = join(home, name)
  mkdirSync(own)
  const file = join(own, 'film.flv')
  // at home it keeps the hashes of SWFs it has fetched
  const command = [`HOME=${own}`, 'rtmpdump', '-q', '--live', ...more, '-r', url, '-o', file]
  const program = new Program(t, 'env', command)
  return program.ends().then(() => packets(file))
}

t.test(
  'rtmpdump and we play over RTMPE what ffmpeg publishes in the clear, packet for packet',
  { ...options },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'))
    const server = new LiveServer(t, { live: { holdMs: 100 } })
    const url = `${await server.listen()}/live`
    const playing = [
      rtmpdump(t, `${url.replace('rtmp', 'rtmpe')}/film`, home, 'encrypted'),
      rtmpdump(t, `${url}/film`, home, 'clear'),
      ...([6, 8, 9] as const).map(encryption => play(url, join(home, `${encryption}.flv`), { encryption }))
    ]
    await server.happens('play live/film', playing.length)
    t.equal((await publishers.ffmpeg(t, source, `${url}/film`).ends()).code, 0)
    const sent = packets(source)
    t.ok(sent.length > 150, `${sent.length} packets`)
    for (const [i, got] of (await Promise.all(playing)).entries()) t.same(got, sent, `player ${i}`)
  }
)

t.test(
  'rtmpdump tells which SWF it is, over RTMPE and in the clear, and another is sent away',
  { ...options },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'))
    const body = Buffer.alloc(3000, 'a player ')
    const header = Buffer.from('CWS\x0a\0\0\0\0', 'latin1')
    header.writeUInt32LE(header.length + body.length, 4)
    const swf = Buffer.concat([header, deflateSync(body)])
    const { hash, size } = swfHash(swf)
    const server = new LiveServer(t, { swf: { hash, size }, limits: { handshakeMs: 5000 }, live: { holdMs: 100 } })
    const clear = `${await server.listen()}/live/film`
    const encrypted = clear.replace('rtmp', 'rtmpe')
    const telling = ['-w', hash.toString('hex'), '-x', `${size}`]
    const playing = [
      rtmpdump(t, clear, home, 'told', ...telling),
      rtmpdump(t, encrypted, home, 'told-encrypted', ...telling),
      rtmpdump(t, encrypted, home, 'reckoned', '-W', await served(t, swf))
    ]
    await server.happens('play live/film', playing.length)
    const ours = [{ swf: { hash, size } }, { swf: { hash, size }, encryption: 6 as const }]
    for (const [i, how] of ours.entries()) playing.push(play(clear.replace('/film', ''), join(home, `us${i}.flv`), how))
    await server.happens('play live/film', playing.length)
    const another = ['-w', hash.toString('hex'), '-x', `${size + 1}`]
    await t.rejects(rtmpdump(t, encrypted, home, 'another', ...another))
    t.same(
      server.events.filter(event => event.startsWith('error')),
      ['error ERR_RTMP_SWF']
    )
    await t.rejects(rtmpdump(t, clear, home, 'silent'))
    t.same(
      server.events.filter(event => event.startsWith('error')),
      ['error ERR_RTMP_SWF', 'error ERR_RTMP_SWF']
    )
    await using session = await connect(clear.replace('/film', ''), { swf: { hash, size }, encryption: 8 })
    await pipeline(createReadStream(source), flvDecoder(), pace(), await session.publish('film'))
    const sent = packets(source)
    for (const [i, got] of (await Promise.all(playing)).entries()) t.same(got, sent, `player ${i}`)
  }
)

/** An SWF on the web: rtmpdump fetches it and reckons its hash by itself. */
async function served(t: Parameters<typeof folder>[0], swf: Buffer): Promise<string> {
  const server = http.createServer((_request, response) => response.end(swf))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/player.swf`
}

/** rtmpsrv has one port, on all addresses. */
const isFree = await new Promise<boolean>(resolve => {
  const probe = net.createServer().once('error', () => resolve(false))
  probe.listen(1935, () => probe.close(() => resolve(true)))
})
const rtmpsrv = { ...options, skip: without('rtmpsrv') || (!isFree && 'port 1935 is taken') }

t.test('rtmpsrv takes our handshake for that of a Flash Player, and answers what we say', { ...rtmpsrv }, async t => {
  // it reads commands from its standard input, and spins when that ends
  const server = new Program(t, 'rtmpsrv', ['-z'])
  await server.says(/RTMP Server/)
  // it does not heed Set Chunk Size
  const how = { chunkSize: 128, digest: 0 } as const
  for (const encryption of [6, 8] as const) {
    const session = await connect('rtmp://127.0.0.1/live', { ...how, encryption })
    await session.createStream()
    session.destroy()
  }
  t.same(server.said.match(/Type Requested : \d\d/g), ['Type Requested : 06', 'Type Requested : 08'])
  await server.says(/Genuine Adobe Flash Player/, 2)
  await server.says(/client invoking <createStream>/, 2)
})
