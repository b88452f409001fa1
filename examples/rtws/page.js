/** Publishes one canvas as H.264, and plays a stream of H.264 onto another, by WebCodecs. */
import { Connection, VIDEO } from './connection.js'

const id = name => document.getElementById(name)
const streamName = location.hash.slice(1) || 'film'
const url = `${location.origin.replace('http', 'ws')}/live`
const say = ({ code }) => {
  id('said').textContent = code
}

async function open() {
  const connection = new Connection()
  connection.onstatus = say
  await connection.connect(url)
  return { connection, stream: await connection.createStream() }
}

/** Frames a second, and frames between two keyframes. */
const RATE = 25
/** Bytes that wait for a server that is too slow: from so many on no frame is encoded. */
const FULL_BYTES = 200_000

id('publish').onclick = async () => {
  const { connection, stream } = await open()
  let waiting = 0
  const encoder = new VideoEncoder({
    error: console.error,
    output: (chunk, { decoderConfig }) => {
      const timestamp = Math.round(chunk.timestamp / 1000)
      if (decoderConfig?.description)
        connection.send(stream, VIDEO, timestamp, [0x17, 0, 0, 0, 0, ...new Uint8Array(decoderConfig.description)])
      // the header of a tag of FLV: keyframe or not, AVC, a frame, composition time 0
      const payload = new Uint8Array(5 + chunk.byteLength)
      payload.set([chunk.type === 'key' ? 0x17 : 0x27, 1, 0, 0, 0])
      chunk.copyTo(payload.subarray(5))
      waiting = connection.send(stream, VIDEO, timestamp, payload)
    }
  })
  const { width, height } = id('drawn')
  const form = { width, height, bitrate: 500_000, framerate: RATE, latencyMode: 'realtime', avc: { format: 'avc' } }
  encoder.configure({ codec: 'avc1.42001f', ...form })
  connection.publish(stream, streamName)
  const began = performance.now()
  let frames = 0
  setInterval(() => {
    draw(id('drawn').getContext('2d'), frames)
    if (waiting > FULL_BYTES) return
    const frame = new VideoFrame(id('drawn'), { timestamp: Math.round((performance.now() - began) * 1000) })
    encoder.encode(frame, { keyFrame: frames++ % RATE === 0 })
    frame.close()
  }, 1000 / RATE)
}

function draw(context, frames) {
  context.fillStyle = '#00a000'
  context.fillRect(0, 0, 320, 240)
  context.fillStyle = '#fff'
  context.fillRect((frames * 4) % 320, 100, 40, 40)
}

id('play').onclick = async () => {
  const { connection, stream } = await open()
  const context = id('played').getContext('2d')
  const decoder = new VideoDecoder({
    error: console.error,
    output: frame => {
      context.canvas.width = frame.displayWidth
      context.canvas.height = frame.displayHeight
      context.drawImage(frame, 0, 0)
      context.canvas.dataset.frames = Number(context.canvas.dataset.frames ?? 0) + 1
      frame.close()
    }
  })
  connection.onmedia = (type, timestamp, payload) => {
    // H.264 in its old form: see readCodecConfig for the others
    if (type !== VIDEO || (payload[0] & 0x8f) !== 0x07) return
    const data = payload.slice(5)
    if (payload[1] === 0) {
      const profile = [...data.subarray(1, 4)].map(byte => byte.toString(16).padStart(2, '0')).join('')
      decoder.configure({ codec: `avc1.${profile}`, description: data, optimizeForLatency: true })
    } else if (payload[1] === 1 && decoder.state === 'configured') {
      const isKey = payload[0] >> 4 === 1
      decoder.decode(new EncodedVideoChunk({ type: isKey ? 'key' : 'delta', timestamp: timestamp * 1000, data }))
    }
  }
  connection.play(stream, streamName)
}
