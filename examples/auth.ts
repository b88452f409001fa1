/**
 * Authorize publishers. This example shows how to:
 *  1. wait for a look-up before a publish is accepted: nothing is answered and no media is read meanwhile;
 *  2. refuse, by an exception or by reject(), with a reason that the encoder receives;
 *  3. publish under another name than the key, so that the key stays secret;
 *  4. cancel a look-up when the peer disconnects, by the request's signal.
 *
 *   npm run build && node dist/examples/auth.js [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/key-of-ada
 *   ffplay rtmp://127.0.0.1/live/ada
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { createServer, LiveStreams, Refused } from 'rtmpipe'

const users = new Map([['key-of-ada', 'ada']])

/** As slow as a database, and it can be cancelled. */
async function userOf(key: string, { signal }: { signal: AbortSignal }): Promise<string> {
  await wait(100, undefined, { signal })
  const user = users.get(key)
  if (user === undefined) throw new Refused('NetStream.Publish.Denied', 'unknown key')
  return user
}

const lives = new LiveStreams()

const server = createServer(session => {
  session.on('publish', async publish => {
    publish.rename(await userOf(publish.name, publish))
    console.log(`publish ${publish.path}`)
    pipeline(publish.accept(), await lives.publish(publish.path), () => console.log(`unpublish ${publish.path}`))
  })
  session.on('play', async play =>
    pipeline(await lives.play(play.path, { missing: 'refuse' }), play.accept(), () => {})
  )
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
