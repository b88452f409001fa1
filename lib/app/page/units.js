// Numbers as people read them: three digits, SI units, and no more width than the value before.

/** @type {readonly (readonly [number, string])[]} */
const BITS = [
  [1e9, 'Gbit/s'],
  [1e6, 'Mbit/s'],
  [1e3, 'kbit/s']
]
/** @type {readonly (readonly [number, string])[]} */
const BYTES = [
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB']
]

/** What is as good as one of the next unit, in three digits. */
const ROUNDS = 0.9995

/** What stands where there is no value. */
export const NONE = '–'

/**
 * @param {number} value
 * @returns {string} of three digits as a rule
 */
export function digits(value) {
  if (value >= 99.95) return value.toFixed(0)
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}

/** @param {number | null | undefined} bitsPerSecond */
export function bitrate(bitsPerSecond) {
  if (bitsPerSecond === null || bitsPerSecond === undefined) return NONE
  for (const [unit, name] of BITS) if (bitsPerSecond >= unit * ROUNDS) return `${digits(bitsPerSecond / unit)} ${name}`
  return `${Math.round(bitsPerSecond)} bit/s`
}

/** @param {number} bytes */
export function size(bytes) {
  for (const [unit, name] of BYTES) if (bytes >= unit * ROUNDS) return `${digits(bytes / unit)} ${name}`
  return `${Math.round(bytes)} B`
}

/** @param {number | null | undefined} framesPerSecond */
export const frameRate = framesPerSecond =>
  framesPerSecond === null || framesPerSecond === undefined ? NONE : `${framesPerSecond.toFixed(1)} fps`

/**
 * How long something has been there: 0:00:42, 3 d 04:05.
 * @param {number} ms
 */
export function uptime(ms) {
  const seconds = Math.floor(ms / 1000)
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60
  ]
  if (days > 0) return `${days} d ${two(hours)}:${two(minutes)}`
  return `${hours}:${two(minutes)}:${two(seconds % 60)}`
}

/**
 * How long something takes: 40 ms, 2.00 s, 75 s.
 * @param {number | null | undefined} ms
 */
export function span(ms) {
  if (ms === null || ms === undefined) return NONE
  return ms < 1000 ? `${Math.round(ms)} ms` : `${digits(ms / 1000)} s`
}

/**
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const count = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`

/**
 * With thin spaces between thousands: 12 345.
 * @param {number} number
 */
export const whole = number => `${Math.round(number)}`.replace(/\B(?=(\d{3})+$)/g, '\u2009')

/** @param {number} number */
const two = number => `${number}`.padStart(2, '0')

/**
 * The name of a stream or a program as it can be shown: what would move or hide its neighbours is escaped.
 * @param {string} text
 */
export const shown = text =>
  // controls, marks of direction, and what has no width
  text.replace(
    /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu,
    sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
