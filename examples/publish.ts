/**
 * A publisher. This example shows how to:
 *  1. connect to a server, and end the session with the block it is used in;
 *  2. publish a file in real time, by one pipeline, with the backpressure of the server;
 *  3. print why a server refuses.
 *
 *   npm run build && node dist/examples/publish.js film.flv rtmp://127.0.0.1/live film
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { connect, flvDecoder, pace, type Refused } from 'rtmpipe'

const [file, app, name] = process.argv.slice(2)
if (file === undefined || app === undefined || name === undefined) {
  console.error('usage: publish FILE APP-URL NAME')
  process.exit(2)
}

try {
  await using session = await connect(app)
  await pipeline(createReadStream(file), flvDecoder(), pace(), await session.publish(name))
  console.log('published')
} catch (error) {
  const { code, message, status = code } = error as NodeJS.ErrnoException & Partial<Refused>
  console.log(`not published: ${status}, ${message}`)
  process.exitCode = 1
}
