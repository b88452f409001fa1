/**
 * Stream keys in a database. This example shows how to:
 *  1. ask a database of your own before a publish is accepted, by the hash of the key: a copy of the database gives no key away;
 *  2. refuse an unknown key and one that has expired, in words that tell no difference;
 *  3. publish under the name of the user, so that no player learns the key.
 *
 * The database here is a JSON file that is read for each publish: { "sha256 of the key": { "user": "ada", "until": "2030-01-01" } }
 *
 *   npm run build && node dist/examples/key-check.js keys.json [PORT]
 *   printf key-of-ada | sha256sum
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/key-of-ada
 *   ffplay rtmp://127.0.0.1/live/ada
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStreams, Refused } from 'rtmpipe'

const [file, port = '1935'] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: key-check KEYS.json [PORT]')
  process.exit(2)
}

interface Account {
  readonly user: string
  readonly until: string
}

/** Put yours here. If it fails, the publish is refused as an internal error, and `'sessionError'` reports why. */
const db = {
  async get(id: string, { signal }: { signal: AbortSignal }): Promise<Account | undefined> {
    return JSON.parse(await readFile(file, { encoding: 'utf8', signal }))[id]
  }
}

const lives = new LiveStreams()

const server = createServer(session => {
  session.on('publish', async publish => {
    const id = createHash('sha256').update(publish.name).digest('hex')
    const account = await db.get(id, publish)
    if (account === undefined || Date.parse(account.until) < Date.now()) {
      throw new Refused('NetStream.Publish.Denied', 'the key is not valid')
    }
    publish.rename(account.user)
    console.log(`publish ${publish.path}`)
    pipeline(publish.accept(), await lives.publish(publish.path), () => console.log(`unpublish ${publish.path}`))
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
