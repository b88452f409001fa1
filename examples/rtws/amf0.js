/** AMF0, as far as the commands of a page need it: numbers, booleans, strings, objects, null. */
const text = { encoder: new TextEncoder(), decoder: new TextDecoder() }

/** The bytes of some values, one behind the other. */
export const encode = (...values) => values.flatMap(value => encoded(value))

function encoded(value) {
  if (typeof value === 'number')
    return [0, ...new Uint8Array(new Uint8Array(new Float64Array([value]).buffer).reverse())]
  if (typeof value === 'boolean') return [1, Number(value)]
  if (typeof value === 'string') return [2, ...named(value)]
  if (value === null) return [5]
  return [3, ...Object.entries(value).flatMap(([name, each]) => [...named(name), ...encoded(each)]), 0, 0, 9]
}

function named(name) {
  const bytes = text.encoder.encode(name)
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes]
}

/** The values of some bytes. */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const name = () => {
    const length = view.getUint16(at)
    at += 2 + length
    return text.decoder.decode(bytes.subarray(at - length, at))
  }
  const object = () => {
    const found = {}
    for (let key = name(); bytes[at] !== 9; key = name()) found[key] = value()
    at++
    return found
  }
  const value = () => {
    const marker = bytes[at++]
    if (marker === 0) {
      at += 8
      return view.getFloat64(at - 8)
    }
    if (marker === 1) return bytes[at++] !== 0
    if (marker === 2) return name()
    if (marker === 3) return object()
    if (marker === 5 || marker === 6) return null
    if (marker === 8) {
      at += 4
      return object()
    }
    throw new Error(`AMF0 marker ${marker}`)
  }
  const values = []
  while (at < bytes.length) values.push(value())
  return values
}
