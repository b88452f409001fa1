import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AV_CHANNEL_ORDER_NATIVE, AV_LOG_ERROR, AVMEDIA_TYPE_DATA, AVMEDIA_TYPE_VIDEO } from 'node-av/constants'
import { avGetCodecName, Dictionary, FFmpegError, FormatContext, getFFmpegInfo, Log, Packet } from 'node-av/lib'

/**
 * FFmpeg 8, which is a library here, as a command. What it says of errors goes to the error output.
 *
 *     node ffmpeg8.mjs                        its version
 *     node ffmpeg8.mjs read FILE|URL          its streams and their packets, in JSON: see test/support/ffmpeg8.ts
 *     node ffmpeg8.mjs listen URL             the same of what is published to it, as a server
 *     node ffmpeg8.mjs send FILE FILE|URL     copies the packets of a file as FLV, to a URL in real time
 */
const [command = 'version', from, to] = process.argv.slice(2)
const commands = { version, read, listen: () => read({ listen: '1' }), send }

Log.setLevel(AV_LOG_ERROR)
await commands[command]()

function version() {
  console.log(getFFmpegInfo().version)
}

async function read(options) {
  const input = await open(options)
  const packets = []
  for await (const { streamIndex, pts, dts, isKeyframe, data } of packetsOf(input)) {
    const { timeBase } = input.streams[streamIndex]
    const times = [pts, dts].map(time => toMs(time, timeBase)).join('/')
    packets[streamIndex] ??= []
    packets[streamIndex].push(`${times} ${data.length} ${hash(data)}${isKeyframe ? ' keyframe' : ''}`)
  }
  // data that comes later than metadata is a stream too: onPlayStatus; so is the end of H.264, a legacy tag in any track
  const streams = input.streams.filter(
    ({ index, codecpar }) => codecpar.codecType !== AVMEDIA_TYPE_DATA && packets[index] !== undefined
  )
  console.log(JSON.stringify(streams.map(stream => ({ ...described(stream), packets: packets[stream.index] }))))
}

function described({ id, codecpar }) {
  const isVideo = codecpar.codecType === AVMEDIA_TYPE_VIDEO
  const { width, height, colorPrimaries, colorTrc, colorSpace, sampleRate, channelLayout } = codecpar
  return {
    kind: isVideo ? 'video' : 'audio',
    track: id,
    codec: avGetCodecName(codecpar.codecId),
    config: codecpar.extradata === null ? '' : hash(codecpar.extradata),
    format: isVideo ? `${width}x${height}` : `${channelLayout.nbChannels} x ${sampleRate} Hz`,
    color: [colorPrimaries, colorTrc, colorSpace],
    speakers: channelLayout.order === AV_CHANNEL_ORDER_NATIVE ? channelLayout.mask.toString() : ''
  }
}

async function send() {
  const input = await open()
  const output = new FormatContext()
  check(output.allocOutputContext2(null, 'flv', to))
  for (const { codecpar } of input.streams) {
    const copy = output.newStream(null).codecpar
    check(codecpar.copy(copy))
    copy.codecTag = 0
  }
  check(await output.openOutput())
  check(await output.writeHeader())
  const begun = Date.now()
  for await (const packet of packetsOf(input)) {
    const { timeBase } = input.streams[packet.streamIndex]
    if (to.includes('://')) await sleep(Math.max(0, begun + toMs(packet.dts, timeBase) - Date.now()))
    packet.rescaleTs(timeBase, output.streams[packet.streamIndex].timeBase)
    check(await output.interleavedWriteFrame(packet))
  }
  check(await output.writeTrailer())
  await output.closeOutput()
}

async function open(options = {}) {
  const input = new FormatContext()
  check(await input.openInput(from, null, Dictionary.fromObject(options)))
  check(await input.findStreamInfo())
  return input
}

async function* packetsOf(input) {
  const packet = new Packet()
  packet.alloc()
  while ((await input.readFrame(packet)) >= 0) {
    yield packet
    packet.unref()
  }
}

function check(result) {
  FFmpegError.throwIfError(result)
}

function hash(bytes) {
  return createHash('sha1').update(bytes).digest('hex').slice(0, 12)
}

function toMs(time, { num, den }) {
  return Math.round((Number(time) * num * 1000) / den)
}
