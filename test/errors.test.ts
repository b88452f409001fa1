import { readdirSync, readFileSync } from 'node:fs'
import { ChunkReader, defaultLimits, errorCodes, ProtocolError, RtmpError } from 'rtmpipe'
import t from 'tap'

t.test('an error has a stable code, and says in words what it means', async t => {
  const error = new RtmpError('ERR_RTMP_CHUNK_SIZE')
  t.match(error, { name: 'RtmpError', code: 'ERR_RTMP_CHUNK_SIZE', message: errorCodes.ERR_RTMP_CHUNK_SIZE })
  t.type(error, Error)
  const cause = new Error('reset')
  t.equal(new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'near', { cause }).cause, cause)
})

t.test('a protocol error says layer, byte and whose fault it is', async t => {
  const error = new ProtocolError('ERR_RTMP_CHUNK_SIZE', { layer: 'chunk', offset: 12, detail: 'of all things' })
  t.match(error, { name: 'ProtocolError', layer: 'chunk', offset: 12, by: 'peer' })
  t.match(error.message, /of all things, chunk layer, byte 12/)
  t.equal(new ProtocolError('ERR_RTMP_CHUNK_SIZE', { layer: 'chunk', offset: 0, by: 'us' }).by, 'us')
})

t.test('every code is used, and none that is not in the table', async t => {
  const lib = new URL('../../lib/', import.meta.url)
  const source = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => readFileSync(new URL(path, lib), 'utf8'))
    .join('\n')
  for (const code of Object.keys(errorCodes)) t.ok(source.includes(`'${code}'`), code)
})

t.test('limits are laid over the defaults, and checked at once', async t => {
  t.throws(() => new ChunkReader({ limits: { messageBytes: 0 } }), RangeError)
  t.throws(() => new ChunkReader({ limits: { messageBytes: Number.NaN } }), RangeError)
  t.throws(() => new ChunkReader({ limits: { messageByte: 1 } as never }), {
    name: 'TypeError',
    message: /messageByte/
  })
  t.doesNotThrow(() => new ChunkReader({ limits: { messageBytes: undefined } as never }))
  t.throws(() => Object.assign(defaultLimits, { messageBytes: 1 }), TypeError, 'the defaults are nobody’s to change')
})
