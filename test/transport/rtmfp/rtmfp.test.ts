import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createServer, LiveStreams, type Message, type Server, type ServerOptions } from 'rtmpipe'
import t from 'tap'
import { stream, word } from '../../support/media.ts'

/** A server of live streams on TCP and UDP of one port number. */
async function liveServer(options: ServerOptions = {}): Promise<{ server: Server; url: (scheme: string) => string }> {
  const lives = new LiveStreams()
  const server = createServer({ rtmfp: true, ...options }, session => {
    session.on('publish', async publish => pipeline(publish.accept(), await lives.publish(publish.path), () => {}))
    session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, url: scheme => `${scheme}://127.0.0.1:${port}/live` }
}

const kinds = (messages: readonly Message[], kind: string) => messages.map(word).filter(each => each.startsWith(kind))

for (const [from, to] of [
  ['rtmfp', 'rtmfp'],
  ['rtmp', 'rtmfp'],
  ['rtmfp', 'rtmp']
] as const)
  t.test(`what is published by ${from} is played by ${to}`, async t => {
    const { server, url } = await liveServer()
    const schemes: string[] = []
    server.on('session', session => schemes.push(session.scheme))
    const publisher = await connect(url(from))
    const publishing = await publisher.publish('film')
    const player = await connect(url(to))
    const playing = await player.play('film')
    const read: Message[] = []
    playing.on('data', message => read.push(message))
    const sent = stream(5)
    for (const message of sent) {
      publishing.write(message)
      await sleep(10)
    }
    publishing.end()
    await once(playing, 'end')
    for (const kind of ['a', 'v']) t.same(kinds(read, kind), kinds(sent, kind))
    t.same(schemes, [from, to])
    await Promise.all([publisher, player].map(session => session[Symbol.asyncDispose]()))
    await server[Symbol.asyncDispose]()
  })
