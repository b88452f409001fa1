// The picture of one stream, by mpegts.js: and what is the matter when there is none.

import { familiar } from './streams.js'
import { bitrate, span } from './units.js'

/** @import { StreamReport } from '../../api/types.ts' */
/** @import { History } from './history.js' */

/** @type {any} set by mpegts.js, which is no module */
const mpegts = /** @type {any} */ (globalThis).mpegts

// what goes wrong is shown on the page
if (mpegts) mpegts.LoggingControl.enableAll = false

/** Milliseconds between two looks at the picture. */
const LOOK_MS = 250
/** Milliseconds without progress after which the picture counts as stalled. */
const STALL_MS = 1500
/** The same of a picture that has not begun. */
const START_MS = 8000
/** Milliseconds after which a connection counts as sound: the next that is lost is tried again at once. */
const SOUND_MS = 5000
/** Seconds that the picture may be behind what has arrived; beyond, it jumps. */
const FAR = 4
/** Where it jumps to: seconds behind what has arrived. */
const NEAR = 0.6
/** Milliseconds before it connects again, one attempt after the other. */
const RETRY_MS = [500, 1000, 2000, 5000]

/** How often it tries again to play what it cannot decode. */
const FEW = 2

/**
 * What a browser is asked of the codecs that mpegts.js reads. It reads FLAC too, but not the sequence header that FFmpeg sends.
 * @type {Readonly<Record<string, string>>}
 */
const TYPES = {
  AVC: 'video/mp4; codecs="avc1.4d401f"',
  HEVC: 'video/mp4; codecs="hvc1.1.6.L93.B0"',
  AV1: 'video/mp4; codecs="av01.0.05M.08"',
  AAC: 'audio/mp4; codecs="mp4a.40.2"',
  MP3: 'audio/mpeg',
  Opus: 'audio/mp4; codecs="opus"'
}

/** @typedef {'connecting' | 'playing' | 'paused' | 'stalled' | 'reconnecting' | 'absent' | 'blocked' | 'refused' | 'unplayable'} Look */

/** Looks that end by a click alone. @type {ReadonlySet<Look>} */
const IDLE = new Set(/** @type {const} */ (['paused', 'blocked', 'refused', 'unplayable']))

/**
 * @param {string} path
 * @param {'http' | 'ws'} way
 */
function urlOf(path, way) {
  const { protocol, host } = location
  const scheme = way === 'http' ? protocol : protocol.replace('http', 'ws')
  return `${scheme}//${host}/${path.split('/').map(encodeURIComponent).join('/')}.flv`
}

export class Player {
  /** @type {Look} */
  look = 'connecting'
  /** What went wrong. */
  reason = ''
  /** @type {string | undefined} */
  path
  /** @type {History | undefined} */
  #history
  /** @type {'http' | 'ws'} */
  way = 'http'
  #video
  #changed
  /** @type {any} */
  #mpegts
  #tracks = ''
  /** Why the picture has no sound; empty if it has. */
  #silence = ''
  #tries = 0
  /** Since the connection was lost: when to try again, and what the server said of the stream before.
   * @type {{ retryAt: number, report: StreamReport | undefined } | undefined} */
  #lost
  #lastTime = 0
  #movedAt = 0
  #connectedAt = 0
  #frames = { total: 0, at: 0, rate: 0 }

  /**
   * @param {HTMLVideoElement} video
   * @param {() => void} changed called when it looks different
   */
  constructor(video, changed) {
    this.#video = video
    this.#changed = changed
    setInterval(() => this.#see(), LOOK_MS)
  }

  /**
   * Plays this stream from now on.
   * @param {string} path
   * @param {History} history
   */
  open(path, history) {
    this.path = path
    this.#history = history
    this.#tries = 0
    this.#connect()
  }

  /** @param {'http' | 'ws'} way */
  over(way) {
    if (this.way === way) return
    this.way = way
    this.#tries = 0
    this.#connect()
  }

  close() {
    this.path = undefined
    this.#history = undefined
    this.#leave()
  }

  /** Pauses, or goes on where the stream is now. */
  toggle() {
    this.#tries = 0
    if (this.isIdle) this.#connect()
    else this.#leave('paused')
  }

  /** Whether it waits for a person. */
  get isIdle() {
    return IDLE.has(this.look)
  }

  /** Milliseconds that have arrived and are not shown yet; null while nothing plays. */
  get bufferMs() {
    const { buffered, currentTime } = this.#video
    if (this.#mpegts === undefined || buffered.length === 0) return null
    return Math.max(0, (buffered.end(buffered.length - 1) - currentTime) * 1000)
  }

  /** What is the matter, for people; empty while it plays. */
  get says() {
    const history = this.#history
    switch (this.look) {
      case 'connecting':
        return 'Connecting'
      case 'playing':
        return ''
      case 'paused':
        return 'Paused'
      case 'stalled':
        if (history?.state === 'waiting') return 'Stalled: the publisher has left, and may come back'
        return history?.state === 'stalled' ? 'Stalled: the publisher sends nothing' : 'Stalled: nothing arrives'
      case 'reconnecting':
        return `${this.reason}. Reconnecting`
      case 'absent':
        return history?.state === 'ended'
          ? 'Ended. It plays again when somebody publishes it'
          : 'No publisher. It plays when somebody publishes it'
      case 'blocked':
        return 'This browser waits for a click: press Play'
      default:
        return this.reason
    }
  }

  /** Numbers of the picture: what it holds ahead, what it decodes. */
  get numbers() {
    if (this.look !== 'playing') return ''
    const { totalVideoFrames, droppedVideoFrames } = this.#video.getVideoPlaybackQuality()
    const { speed = 0 } = this.#mpegts?.statisticsInfo ?? {}
    const parts = [`buffer ${span(this.bufferMs)}`, bitrate(speed * 8192)]
    if (totalVideoFrames > 0) parts.push(`${this.#frames.rate.toFixed(1)} fps`, `${droppedVideoFrames} not shown`)
    if (this.#silence) parts.push(`no sound: ${this.#silence}`)
    return parts.join(' · ')
  }

  #connect() {
    this.#leave('connecting')
    const { path } = this
    const history = this.#history
    if (path === undefined || history === undefined) return
    if (!mpegts?.isSupported()) {
      this.#show('unplayable', 'This browser has no Media Source Extensions, which live video needs')
      return
    }
    // a player of what nobody publishes would make it a stream that waits
    if (!isPublished(history)) {
      this.#show('absent')
      return
    }
    this.#tracks = tracksOf(history)
    const { video, audio } = history.report
    const barrier = barrierTo((video ?? audio)?.codec)
    if (barrier) {
      this.#show('unplayable', `It cannot be played here: ${barrier}`)
      return
    }
    this.#silence = barrierTo(audio?.codec)
    /** @type {Record<string, unknown>} */
    const source = { type: 'flv', isLive: true, url: urlOf(path, this.way), ...missing(history) }
    if (this.#silence) source.hasAudio = false
    const player = mpegts.createPlayer(source, {
      enableStashBuffer: false,
      lazyLoad: false,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 30,
      autoCleanupMinBackwardDuration: 10,
      liveSync: true,
      liveSyncMaxLatency: 1.5,
      liveSyncTargetLatency: NEAR,
      liveSyncPlaybackRate: 1.1
    })
    this.#mpegts = player
    const { Events } = mpegts
    const mine =
      (/** @type {(...args: any[]) => void} */ hear) =>
      (/** @type {any[]} */ ...args) => {
        if (this.#mpegts === player) hear(...args)
      }
    player.on(
      Events.ERROR,
      // it cannot be destroyed while it tells
      mine((type, detail, info) => setTimeout(mine(() => this.#failed(type, detail, info))))
    )
    // what has arrived is shown to its end
    player.on(
      Events.LOADING_COMPLETE,
      mine(() => this.#retry('The server has ended the connection'))
    )
    player.attachMediaElement(this.#video)
    player.load()
    this.#movedAt = performance.now()
    this.#connectedAt = this.#movedAt
    this.#video.play().catch(
      mine(error => {
        if (error.name === 'NotAllowedError') this.#leave('blocked')
      })
    )
  }

  /** @param {Look} [look] */
  #leave(look) {
    const player = this.#mpegts
    this.#mpegts = undefined
    this.#lost = undefined
    this.#frames = { total: 0, at: 0, rate: 0 }
    player?.destroy()
    if (look !== undefined) this.#show(look)
  }

  /**
   * @param {string} type
   * @param {string} detail
   * @param {{ code?: number, msg?: string } | undefined} info of an unknown codec it is the text
   */
  #failed(type, detail, info) {
    const { ErrorTypes, ErrorDetails } = mpegts
    const isMedia = type === ErrorTypes.MEDIA_ERROR
    // one tag that it does not know, as FFmpeg's colours of Enhanced RTMP: it goes on with the next
    if (isMedia && detail === ErrorDetails.MEDIA_FORMAT_ERROR) return
    // an exception without a code is of what reads the tags, as a rule; of the connection in some browsers
    const isLost = !isMedia && (detail !== ErrorDetails.NETWORK_EXCEPTION || info?.code !== undefined)
    const isUnknown = detail === ErrorDetails.MEDIA_CODEC_UNSUPPORTED || info?.code === DOMException.NOT_SUPPORTED_ERR
    if (isUnknown || (!isLost && this.#tries >= FEW))
      this.#giveUp('unplayable', `It cannot be played here. ${info?.msg ?? info}`)
    else if (info?.code === 403) this.#giveUp('refused', 'The server has refused this player')
    else this.#retry(isLost ? 'The connection is lost' : 'The picture cannot be decoded')
  }

  /**
   * @param {Look} look
   * @param {string} reason
   */
  #giveUp(look, reason) {
    this.#leave()
    this.#show(look, reason)
  }

  /** @param {string} reason */
  #retry(reason) {
    const ms = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)] ?? 0
    this.#lost = { retryAt: performance.now() + ms, report: this.#history?.report }
    this.reason = reason
  }

  /**
   * @param {Look} look
   * @param {string} [reason]
   */
  #show(look, reason = this.reason) {
    if (this.look === look && this.reason === reason) return
    this.look = look
    this.reason = reason
    this.#changed()
  }

  #see() {
    const history = this.#history
    if (history === undefined) return
    if (this.isIdle) {
      // another encoder may send what can be played
      if (this.look === 'unplayable' && tracksOf(history) !== this.#tracks) this.#connect()
      return
    }
    const now = performance.now()
    const isMoving = this.#video.currentTime !== this.#lastTime
    this.#lastTime = this.#video.currentTime
    if (isMoving) this.#movedAt = now
    if (this.look === 'absent') {
      if (isPublished(history)) this.#connect()
    } else if (this.#lost !== undefined) {
      // what has arrived is shown first, and then what the server says now
      if (isMoving) return
      this.#show('reconnecting')
      const isNew = history.report !== this.#lost.report || history.state === 'ended'
      if (isNew && now >= this.#lost.retryAt) this.#connect()
    } else if (isMoving) {
      if (now - this.#connectedAt > SOUND_MS) this.#tries = 0
      this.#catchUp()
      this.#countFrames(now)
      this.#show('playing')
    } else {
      const isStill = now - this.#movedAt > (this.look === 'playing' ? STALL_MS : START_MS)
      if (isStill) this.#show('stalled')
      this.#catchUp()
      if (tracksOf(history) !== this.#tracks) this.#connect()
    }
  }

  /** Jumps over a hole, and to the newest when it is far behind, as after a time in a hidden tab. */
  #catchUp() {
    const { buffered, currentTime } = this.#video
    const last = buffered.length - 1
    if (last < 0) return
    const end = buffered.end(last)
    if (end - currentTime > FAR || buffered.start(last) > currentTime)
      this.#video.currentTime = Math.max(buffered.start(last), end - NEAR)
  }

  /** @param {number} now */
  #countFrames(now) {
    const { total, at } = this.#frames
    if (now - at < 2000) return
    const { totalVideoFrames } = this.#video.getVideoPlaybackQuality()
    this.#frames = {
      total: totalVideoFrames,
      at: now,
      rate: at === 0 ? (this.#history?.rate.frames ?? 0) : ((totalVideoFrames - total) * 1000) / (now - at)
    }
  }
}

/**
 * Why this page does not play a codec; empty if it does, or if none is known yet.
 * @param {string | undefined} codec
 */
function barrierTo(codec) {
  if (codec === undefined) return ''
  const type = TYPES[codec]
  if (type === undefined) return `the player of this page does not know ${familiar(codec)}`
  const { MediaSource, ManagedMediaSource } = /** @type {any} */ (globalThis)
  return (ManagedMediaSource ?? MediaSource).isTypeSupported(type)
    ? ''
    : `this browser does not play ${familiar(codec)}`
}

/** @param {History} history */
const isPublished = ({ state }) => state === 'live' || state === 'stalled'

/** @param {History} history */
const tracksOf = ({ report: { video, audio } }) => `${video?.codec ?? ''},${audio?.codec ?? ''}`

/**
 * A header that promises a track which never comes would keep the other waiting. Who has sent one track for so long
 * has no other.
 * @param {History} history
 */
function missing({ report: { publishedMs, video, audio } }) {
  if (publishedMs < 2000 || (video === null && audio === null)) return {}
  return { ...(video === null && { hasVideo: false }), ...(audio === null && { hasAudio: false }) }
}
