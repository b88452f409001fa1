import http from 'node:http'
import net from 'node:net'
import { serve as serveHono } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import express from 'express'
import fc from 'fast-check'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import {
  createServer,
  GoLiveError,
  type GoLiveLadder,
  type GoLiveLadders,
  type GoLiveOptions,
  type GoLiveRequest,
  goLive,
  goLiveAnswer,
  goLiveConfiguration,
  goLiveStreamUrl,
  LiveStreams,
  pushLive,
  Refused,
  readGoLiveConfiguration,
  readGoLiveLadder,
  readGoLiveRequest
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { video as frame } from '../support/media.ts'
import { holds } from '../support/property.ts'

/** What OBS 32.2 on Linux posts: made of the fields in its source, for no OBS of that age runs here. What it does not know is null. */
const obs = (): GoLiveRequest =>
  JSON.parse(`{
    "authentication": "film?key=k3y",
    "capabilities": {
      "cpu": { "logical_cores": 16, "name": "AMD Ryzen 7 5800X 8-Core Processor", "physical_cores": 8, "speed": 3800 },
      "gaming_features": null,
      "gpu": [{
        "dedicated_video_memory": 8589934592, "device_id": 9349, "driver_version": "550.120", "model": "GeForce RTX 3070",
        "shared_system_memory": 0, "vendor_id": 4318
      }],
      "memory": { "free": 21474836480, "total": 33554432000 },
      "system": {
        "arm": false, "armEmulation": false, "bits": 64, "build": 0, "name": "Ubuntu", "release": "24.04", "revision": "0",
        "version": "Linux 6.8.0-49-generic #49-Ubuntu SMP PREEMPT_DYNAMIC"
      }
    },
    "client": { "name": "obs-studio", "supported_codecs": ["av1", "h265", "h264"], "version": "32.2.1" },
    "preferences": {
      "audio_channels": 2, "audio_fixed_buffering": false, "audio_max_buffering_ms": 960, "audio_samples_per_sec": 48000,
      "canvases": [{
        "canvas_height": 1080, "canvas_width": 1920, "framerate": { "denominator": 1, "numerator": 60 },
        "height": 1080, "width": 1920
      }],
      "composition_gpu_index": 0, "maximum_aggregate_bitrate": null, "maximum_video_tracks": null, "vod_track_audio": false
    },
    "schema_version": "2025-01-25",
    "service": "IVS"
  }`)

/** What OBS 30.2 posts: there are no canvases, and `revision` is a number. */
const oldObs = (): Record<string, unknown> => {
  const { capabilities, preferences, ...rest } = obs()
  const { canvases, maximum_aggregate_bitrate, maximum_video_tracks, vod_track_audio } = preferences
  return {
    ...rest,
    capabilities: { ...capabilities, system: { ...capabilities.system, revision: 4460 } },
    client: { name: 'obs-studio', supported_codecs: [], version: '30.2.0' },
    preferences: {
      composition_gpu_index: 0,
      maximum_aggregate_bitrate,
      maximum_video_tracks,
      vod_track_audio,
      ...canvases[0]
    },
    schema_version: '2024-06-04'
  }
}

const rung = (type: string, height: number, bitrate: number) => ({
  type,
  width: (height * 16) / 9,
  height,
  framerate: { numerator: 30, denominator: 1 },
  settings: { rate_control: 'CBR', bitrate, keyint_sec: 2 }
})
const aac = { codec: 'aac', track_id: 0, channels: 2, settings: { bitrate: 160 } }
const ladder: GoLiveLadder = {
  ingest_endpoints: [
    { protocol: 'RTMPS', url_template: 'rtmps://media.example/live/{stream_key}' },
    { protocol: 'RTMP', url_template: 'rtmp://media.example:1936/live/{stream_key}?via=go' }
  ],
  encoder_configurations: [rung('obs_x264', 1080, 6000), rung('obs_x264', 720, 3000), rung('obs_x264', 360, 800)],
  audio_configurations: { live: [aac] }
}

/** `a.b[0].c` of a copy of this JSON, set; undefined removes it. */
function edited(json: object, field: string, value: unknown): unknown {
  const copy = structuredClone(json)
  const names = field.match(/[^.[\]]+/g)!
  const last = names.pop()!
  const at = names.reduce<Record<string, unknown>>(
    (inner, name) => inner[name] as Record<string, unknown>,
    copy as never
  )
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}

const heights = (asked: unknown, offered = ladder) =>
  goLiveAnswer(offered, readGoLiveRequest(asked)).encoder_configurations.map(({ height }) => height)

t.test('what OBS 32.2 posts is answered with the ladder, its own key, and an id', async t => {
  const answer = goLiveAnswer(ladder, readGoLiveRequest(obs()), 'id-1')
  t.same(answer, {
    meta: { service: 'IVS', schema_version: '2025-01-25', config_id: 'id-1' },
    ingest_endpoints: ladder.ingest_endpoints.map(each => ({ ...each, authentication: 'film?key=k3y' })),
    encoder_configurations: ladder.encoder_configurations,
    audio_configurations: { live: [aac] }
  })
  t.same(readGoLiveConfiguration(JSON.parse(JSON.stringify(answer))), answer, 'the answer is one to us')
  t.not(goLiveAnswer(ladder, obs()).meta.config_id, goLiveAnswer(ladder, obs()).meta.config_id)
})

t.test('what OBS 30.2 posts is read as if it had a canvas', async t => {
  const read = readGoLiveRequest(oldObs())
  t.same(read.preferences.canvases, obs().preferences.canvases)
  t.equal(goLiveAnswer(ladder, { ...read, client: obs().client }).meta.schema_version, '2024-06-04')
  const wrong = edited(oldObs(), 'preferences.height', '1080')
  t.match(
    thrownBy(() => readGoLiveRequest(wrong)),
    { field: 'preferences.height' }
  )
})

t.test('the best tracks that fit: canvas, codecs, tracks and bitrate', async t => {
  const preferences = (some: Partial<GoLiveRequest['preferences']>) =>
    edited(obs(), 'preferences', { ...obs().preferences, ...some })
  const canvas = (height: number) => [{ ...obs().preferences.canvases[0]!, width: (height * 16) / 9, height }]
  t.same(heights(obs()), [1080, 720, 360])
  t.same(heights(preferences({ canvases: canvas(720) })), [720, 360], 'none is larger than the output')
  t.same(heights(preferences({ canvases: [{ ...obs().preferences.canvases[0]!, width: 1080, height: 1920 }] })), [360])
  t.same(heights(preferences({ maximum_video_tracks: 2 })), [1080, 720])
  t.same(
    heights(preferences({ maximum_aggregate_bitrate: 160 + 6800 })),
    [1080, 360],
    'a track that fits no more is left out'
  )
  t.same(heights(preferences({ maximum_aggregate_bitrate: 160 + 6799 })), [1080], 'audio counts')
  t.same(heights(preferences({ maximum_aggregate_bitrate: 160 + 3000 })), [720])
  const codecs = ['obs_nvenc_av1_tex', 'h265_texture_amf', 'obs_nvenc_hevc_tex', 'h264_texture_amf', 'obs_x264']
  const mixed = { ...ladder, encoder_configurations: codecs.map((type, i) => rung(type, 720 - 9 * 16 * i, 1000)) }
  for (const [supported, expected] of [
    [['h264'], [144, 288]],
    [
      ['h265', 'h264'],
      [144, 288, 432, 576]
    ],
    [['av1'], [720]],
    [null, [144, 288, 432, 576, 720]]
  ] as const)
    t.same(heights(edited(obs(), 'client.supported_codecs', supported), mixed).sort(), expected, `${supported}`)
  const second = {
    ...ladder,
    encoder_configurations: [{ ...rung('obs_x264', 720, 1000), canvas_index: 1 }, rung('obs_x264', 360, 1)]
  }
  t.same(heights(obs(), second), [360], 'OBS fails at a canvas that it has not')
  t.same(heights(preferences({ canvases: [...canvas(360), ...canvas(720)] }), second), [720, 360])
  const many = { ...ladder, encoder_configurations: Array.from({ length: 12 }, () => rung('obs_x264', 360, 1)) }
  t.equal(heights(obs(), many).length, 10, 'an output of OBS has at most ten')
})

t.test('nothing fits: a warning for the user, which says what the encoder has', async t => {
  const asked = edited(obs(), 'client.supported_codecs', ['<b>vp9</b>'])
  const { meta, status, encoder_configurations } = goLiveAnswer(ladder, readGoLiveRequest(asked))
  t.same(meta, { service: 'IVS', schema_version: '2025-01-25', config_id: '' }, 'OBS reads a meta whole or not at all')
  t.match(status, {
    result: 'warning',
    html_en_us: /fits the encoder: output 1920x1080; codecs &#60;b&#62;vp9&#60;\/b&#62;$/
  })
  t.same(encoder_configurations, [])
})

t.test('a second audio track, if the encoder has one: OBS does not start without', async t => {
  const asked = readGoLiveRequest(edited(obs(), 'preferences.vod_track_audio', true))
  t.same(goLiveAnswer(ladder, asked).audio_configurations, { live: [aac], vod: [{ ...aac, track_id: 1 }] })
  const vod = [{ ...aac, track_id: 5 }]
  const own = { ...ladder, audio_configurations: { live: [aac], vod } }
  t.same(goLiveAnswer(own, asked).audio_configurations, { live: [aac], vod })
  t.same(goLiveAnswer(own, obs()).audio_configurations, { live: [aac] })
})

const MISSING = undefined
const requests: readonly (readonly [field: string, value: unknown, why: string])[] = [
  ['service', MISSING, 'is missing'],
  ['service', 1, 'must be a string, not 1'],
  ['schema_version', '', 'must not be empty'],
  ['authentication', MISSING, 'is missing'],
  ['authentication', null, 'must be a string, not null'],
  ['authentication', '', 'must not be empty'],
  ['client', 'obs', 'must be an object, not a string'],
  ['client.name', MISSING, 'is missing'],
  ['client.version', 32, 'must be a string, not 32'],
  ['client.supported_codecs', 'h264', 'must be an array, not a string'],
  ['client.supported_codecs[1]', 264, 'must be a string, not 264'],
  ['client.supported_codecs', Array(257).fill('h264'), 'must have 0 to 256 items, not 257'],
  ['capabilities', MISSING, 'is missing'],
  ['capabilities.cpu', [], 'must be an object, not an array'],
  ['capabilities.cpu.physical_cores', MISSING, 'is missing'],
  ['capabilities.cpu.logical_cores', -1, 'must be a number of at least 0, not -1'],
  ['capabilities.cpu.speed', '3 GHz', 'must be a number of at least 0, not a string'],
  ['capabilities.cpu.name', {}, 'must be a string, not an object'],
  ['capabilities.memory.total', null, 'must be a number of at least 0, not null'],
  ['capabilities.memory.free', MISSING, 'is missing'],
  ['capabilities.system.name', MISSING, 'is missing'],
  ['capabilities.system.version', false, 'must be a string, not false'],
  ['capabilities.system.bits', '64', 'must be a number of at least 0, not a string'],
  ['capabilities.gpu', {}, 'must be an array, not an object'],
  ['capabilities.gpu[0].model', null, 'must be a string, not null'],
  ['capabilities.gpu[0].vendor_id', '10de', 'must be a number of at least 0, not a string'],
  ['capabilities.gpu[0].device_id', MISSING, 'is missing'],
  ['capabilities.gpu[0].dedicated_video_memory', MISSING, 'is missing'],
  ['capabilities.gpu[0].shared_system_memory', MISSING, 'is missing'],
  ['capabilities.gpu[0].driver_version', 5, 'must be a string, not 5'],
  ['preferences', null, 'must be an object, not null'],
  ['preferences.vod_track_audio', MISSING, 'is missing'],
  ['preferences.vod_track_audio', 0, 'must be true or false, not 0'],
  ['preferences.maximum_aggregate_bitrate', 0, 'must be a whole number of at least 1, not 0'],
  ['preferences.maximum_video_tracks', 2.5, 'must be a whole number of at least 1, not 2.5'],
  ['preferences.composition_gpu_index', -1, 'must be a whole number of at least 0, not -1'],
  ['preferences.audio_samples_per_sec', '48000', 'must be a whole number of at least 1, not a string'],
  ['preferences.audio_channels', 0, 'must be a whole number of at least 1, not 0'],
  ['preferences.canvases', MISSING, 'is missing'],
  ['preferences.canvases', [], 'must have 1 to 256 items, not 0'],
  ['preferences.canvases[0]', 1, 'must be an object, not 1'],
  ['preferences.canvases[0].width', 16_385, 'must be a whole number from 1 to 16384, not 16385'],
  ['preferences.canvases[0].height', 0, 'must be a whole number from 1 to 16384, not 0'],
  ['preferences.canvases[0].canvas_width', MISSING, 'is missing'],
  ['preferences.canvases[0].canvas_height', true, 'must be a whole number from 1 to 16384, not true'],
  ['preferences.canvases[0].framerate', 60, 'must be an object, not 60'],
  ['preferences.canvases[0].framerate.numerator', 59.94, 'must be a whole number of at least 1, not 59.94'],
  ['preferences.canvases[0].framerate.denominator', 0, 'must be a whole number of at least 1, not 0']
]

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

/** What is thrown at each edit, and what is to be. */
const refusals = (read: (json: unknown) => unknown, json: object, rows: typeof requests) =>
  rows.map(([field, value, why]) => ({
    thrown: thrownBy(() => read(edited(json, field, value))),
    wanted: {
      name: 'GoLiveError',
      code: 'ERR_RTMP_GO_LIVE_FIELD',
      field,
      message: new RegExp(`: ${field.replace(/[[\].]/g, '\\$&')} ${why}$`)
    },
    name: `${field} ${why}`
  }))

declare namespace Tap {
  type Test = { teardown(end: () => unknown): unknown }
}

t.test('every field of a request that is missing or invalid is named, and no value of one is shown', async t => {
  t.doesNotThrow(() => readGoLiveRequest(obs()))
  for (const { thrown, wanted, name } of refusals(readGoLiveRequest, obs(), requests)) t.match(thrown, wanted, name)
  for (const json of [null, 1, 'obs', []]) t.throws(() => readGoLiveRequest(json), /: JSON must be an object, not/)
  const more = { ...obs(), stream_attempt_start_time: 'now', toString: 1 }
  t.same(readGoLiveRequest(more), more, 'what others add stays')
})

const answers: readonly (readonly [field: string, value: unknown, why: string])[] = [
  ['meta', MISSING, 'is missing'],
  ['meta.config_id', MISSING, 'is missing'],
  ['meta.service', 1, 'must be a string, not 1'],
  ['meta.schema_version', null, 'must be a string, not null'],
  ['status', 'fail', 'must be an object, not a string'],
  ['status.result', 'fail', 'must be one of success, warning, error, not a string'],
  ['status.html_en_us', 1, 'must be a string, not 1'],
  ['ingest_endpoints', [], 'must have 1 to 64 items, not 0'],
  ['ingest_endpoints[0].protocol', MISSING, 'is missing'],
  ['ingest_endpoints[1].url_template', '', 'must not be empty'],
  ['ingest_endpoints[1].authentication', 1, 'must be a string, not 1'],
  ['encoder_configurations', MISSING, 'is missing'],
  ['encoder_configurations', [], 'must have 1 to 64 items, not 0'],
  ['encoder_configurations[0].type', '', 'must not be empty'],
  ['encoder_configurations[2].width', '640', 'must be a whole number from 1 to 16384, not a string'],
  ['encoder_configurations[0].height', MISSING, 'is missing'],
  ['encoder_configurations[0].framerate.numerator', 0, 'must be a whole number of at least 1, not 0'],
  ['encoder_configurations[0].gpu_scale_type', 'BICUBIC', 'must be one of OBS_SCALE_DISABLE, .*, not a string'],
  ['encoder_configurations[0].colorspace', '709', 'must be one of VIDEO_CS_DEFAULT, .*, not a string'],
  ['encoder_configurations[0].range', 1, 'must be one of VIDEO_RANGE_DEFAULT, .*, not 1'],
  ['encoder_configurations[0].format', 'NV12', 'must be one of VIDEO_FORMAT_NONE, .*, not a string'],
  ['encoder_configurations[0].settings', MISSING, 'is missing'],
  ['encoder_configurations[0].settings.bitrate', '6000', 'must be a number of at least 0, not a string'],
  ['encoder_configurations[0].canvas_index', -1, 'must be a whole number of at least 0, not -1'],
  ['audio_configurations', MISSING, 'is missing'],
  ['audio_configurations.live', [], 'must have 1 to 64 items, not 0'],
  ['audio_configurations.live[0].codec', MISSING, 'is missing'],
  ['audio_configurations.live[0].track_id', 256, 'must be a whole number from 0 to 255, not 256'],
  ['audio_configurations.live[0].channels', 9, 'must be a whole number from 1 to 8, not 9'],
  ['audio_configurations.live[0].settings', [], 'must be an object, not an array'],
  ['audio_configurations.vod', {}, 'must be an array, not an object']
]

const TEMPLATES = [
  '',
  'rtmp://host/{stream_key}',
  'rtmp://host/live',
  'rtmp://host/live?k={stream_key}',
  'http://host/live/{stream_key}'
]

t.test('every field of an answer, and of a ladder, that is missing or invalid is named', async t => {
  const answer = { ...goLiveAnswer(ladder, obs()), status: { result: 'success' } }
  const ofLadder: typeof answers = [
    ...answers.filter(([field]) => !/^(meta|status|ingest_endpoints\[1\])/.test(field)),
    ['ingest_endpoints[0].protocol', 'SRT', 'must be one of RTMP, RTMPS, not a string'],
    ['ingest_endpoints[1].authentication', 1, 'must be a string, not 1'],
    ...TEMPLATES.map(
      template =>
        ['ingest_endpoints[0].url_template', template, 'must be of the form rtmp://host/app/{stream_key}'] as const
    ),
    [
      'ingest_endpoints[0].authentication',
      'film?key=s3cret',
      'must have no query, which OBS replaces: put it into url_template'
    ]
  ]
  for (const each of [
    ...refusals(readGoLiveConfiguration, answer, answers),
    ...refusals(readGoLiveLadder, ladder, ofLadder)
  ])
    t.match(each.thrown, each.wanted, each.name)
  t.throws(() => goLive(edited(ladder, 'encoder_configurations[0].width', 0) as GoLiveLadder), {
    name: 'RangeError',
    message: /encoder_configurations\[0\]\.width must be/
  })
})

t.test('whatever JSON is sent: it is read and answered, or a field is named', async t => {
  const fields = requests.map(([field]) => field)
  const anyRequest = fc
    .array(fc.tuple(fc.constantFrom(...fields), fc.oneof(fc.jsonValue(), fc.nat(10_000))), { maxLength: 4 })
    .map(edits =>
      edits.reduce<object>((json, [field, value]) => {
        try {
          return edited(json, field, value) as object
        } catch {
          // an edit before it has removed its place
          return json
        }
      }, obs())
    )
  const isAnsweredOrNamed = (run: () => unknown) => {
    const thrown = thrownBy(run)
    return thrown === undefined || (thrown instanceof GoLiveError && typeof thrown.field === 'string')
  }
  holds(
    t,
    'a request',
    fc.property(fc.oneof(fc.jsonValue(), anyRequest), json =>
      isAnsweredOrNamed(() => JSON.stringify(goLiveAnswer(ladder, readGoLiveRequest(json))))
    )
  )
  holds(
    t,
    'an answer',
    fc.property(fc.jsonValue(), json => isAnsweredOrNamed(() => readGoLiveConfiguration(json)))
  )
})

t.test('the URL of the stream is what OBS makes of the answer', async t => {
  const answer = goLiveAnswer(ladder, obs(), 'a b')
  t.equal(goLiveStreamUrl(answer, 'film?key=k3y'), 'rtmps://media.example/live/film?key=k3y&clientConfigId=a%20b')
  const [plain] = [goLiveStreamUrl(answer, 'film?key=k3y', 'RTMP')]
  t.equal(plain, 'rtmp://media.example:1936/live/film?via=go&key=k3y&clientConfigId=a%20b')
  const of = (endpoint: object) =>
    goLiveStreamUrl(
      {
        ...answer,
        meta: { ...answer.meta, config_id: '' },
        ingest_endpoints: [{ protocol: 'rtmp', url_template: '', ...endpoint }]
      },
      'own?q=1'
    )
  t.equal(of({ url_template: 'rtmp://a/b/{stream_key}' }), 'rtmp://a/b/own?q=1')
  t.equal(of({ url_template: 'rtmp://a/b/{stream_key}', authentication: '' }), 'rtmp://a/b/own?q=1')
  t.equal(of({ url_template: 'rtmp://a/b/{stream_key}', authentication: 'theirs' }), 'rtmp://a/b/theirs?q=1')
  t.equal(of({ url_template: 'rtmp://a/b/{stream_key}', authentication: 'theirs?q=2' }), 'rtmp://a/b/theirs?q=2')
  t.equal(of({ url_template: 'rtmp://a/b/' }), 'rtmp://a/b/own?q=1')
  t.match(
    thrownBy(() => of({ protocol: 'WHIP' })),
    { code: 'ERR_RTMP_GO_LIVE_FIELD', field: 'ingest_endpoints' }
  )
})

/** A server of configurations. */
async function listening(t: Tap.Test, handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/go-live`
}
const serving = (t: Tap.Test, given: GoLiveLadders = ladder, options?: GoLiveOptions) =>
  listening(t, (request, response) => goLive(given, options)(request, response))
const post = (url: string, body: string | Buffer, type = 'application/json') =>
  fetch(url, { method: 'POST', body, headers: { 'Content-Type': type } })

t.test('over HTTP: our client is answered as OBS is, and publishes where the answer says', async t => {
  const lives = new LiveStreams({ holdMs: 0, mergeMs: 0 })
  const server = createServer(session => {
    session.on('publish', publish => {
      published(`${publish.path}?${publish.rawQuery}`)
      publish.accept().resume()
    })
  })
  let published = (_url: string) => {}
  const came = new Promise<string>(resolve => {
    published = resolve
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const own = [{ protocol: 'RTMP', url_template: `rtmp://127.0.0.1:${port}/live/{stream_key}` }]
  const url = await serving(t, { ...ladder, ingest_endpoints: own })
  const answer = await goLiveConfiguration(url, obs())
  t.same(answer.encoder_configurations, ladder.encoder_configurations)
  const relay = pushLive(lives.get('live/film'), goLiveStreamUrl(answer, 'film?key=k3y'))
  t.teardown(() => relay.close())
  const input = await lives.publish('live/film')
  t.teardown(() => input.destroy())
  input.write(frame.keyframe(0))
  t.equal(await came, `live/film?key=k3y&clientConfigId=${answer.meta.config_id}`)
})

t.test('OBS shows no body of a 4xx: what is wrong with the content comes with 200 and a status', async t => {
  const url = await serving(t, ({ authentication }) => {
    if (authentication === 'film?key=k3y') return ladder
    throw new Refused('NetStream.Publish.Denied', 'wrong key & "none"')
  })
  const saying = async (json: unknown) => {
    const response = await post(url, JSON.stringify(json))
    t.equal(response.status, 200)
    t.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
    return response.json()
  }
  t.match(await saying(obs()), { meta: { service: 'IVS' } })
  t.match(await saying(edited(obs(), 'authentication', 'film?key=s3cret')), {
    status: { result: 'error', html_en_us: 'wrong key &#38; &#34;none&#34;' }
  })
  const status = { result: 'error', html_en_us: /preferences\.canvases\[0\]\.width must be a whole number/ }
  t.match(await saying(edited(obs(), 'preferences.canvases[0].width', '1920')), { meta: { config_id: '' }, status })
  await t.rejects(goLiveConfiguration(url, { ...obs(), authentication: 'film' }), {
    code: 'ERR_RTMP_GO_LIVE_REFUSED',
    message: /refused: wrong key &#38;/
  })
})

t.test('what no encoder sends: 404, 405, 415, 413, 400, with the same JSON', async t => {
  const url = await serving(t)
  const both = await listening(t, (request, response) =>
    goLive(ladder, { path: '/other' })(request, response, () => response.end('next'))
  )
  t.equal((await fetch(new URL('/', url))).status, 404)
  t.equal(await (await fetch(both)).text(), 'next')
  t.match(await (await post(new URL('/other?a=b', both).href, JSON.stringify(obs()))).json(), {
    meta: { service: 'IVS' }
  })
  const got = await fetch(url)
  t.equal(got.status, 405)
  t.equal(got.headers.get('allow'), 'POST')
  for (const [status, said, body, type] of [
    [415, /Content-Type must be/, JSON.stringify(obs()), 'text/plain'],
    [415, /Content-Type must be/, JSON.stringify(obs()), 'application/jsonp'],
    [200, undefined, JSON.stringify(obs()), 'Application/JSON; charset=utf-8'],
    [400, /must be JSON/, '{', 'application/json'],
    [400, /must be JSON/, '', 'application/json'],
    [413, /at most 65536 bytes/, JSON.stringify({ ...obs(), more: 'x'.repeat(65_536) }), 'application/json']
  ] as const) {
    const response = await post(url, body, type)
    t.equal(response.status, status, `${status} ${type}`)
    if (said !== undefined) t.match(await response.json(), { status: { result: 'error', html_en_us: said } })
  }
  const longer = net.connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => longer.destroy())
  longer.write(
    'POST /go-live HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  )
  longer.write(`10001\r\n${' '.repeat(0x10001)}`)
  const parts: Buffer[] = []
  for await (const part of longer) parts.push(part)
  t.match(Buffer.concat(parts).toString(), /^HTTP\/1\.1 413 /, 'a body without a length ends there too')
})

t.test('a mistake of the function is answered with 500, and reported', async t => {
  const failures: Error[] = []
  const wrong = { ...ladder, encoder_configurations: [] }
  const answers: (() => GoLiveLadder | Promise<GoLiveLadder>)[] = [
    () => wrong,
    () => {
      throw new TypeError('no such thing')
    },
    async () => {
      throw new GoLiveError('ERR_RTMP_GO_LIVE_FIELD', { detail: 'of another answer' })
    }
  ]
  for (const [i, give] of answers.entries()) {
    const url = await serving(t, give, { failed: error => failures.push(error) })
    const response = await post(url, JSON.stringify(obs()))
    t.equal(response.status, 500)
    t.match(await response.json(), { status: { result: 'error', html_en_us: 'the server has failed' } })
    t.match(failures[i]?.message, [/encoder_configurations must have/, /no such thing/, /of another answer/][i]!)
  }
})

t.test('Express, with and without its parser, Fastify and Hono pass a request on', async t => {
  const handle = goLive(ladder)
  const parsed = express().use(express.json()).use(handle)
  const bare = express().use(handle)
  const quick = fastify()
  quick.post('/go-live', {
    onRequest(request, reply) {
      reply.hijack()
      handle(request.raw, reply.raw)
    },
    handler: () => {}
  })
  await quick.ready()
  const hono = new Hono<{ Bindings: { incoming: http.IncomingMessage; outgoing: http.ServerResponse } }>()
  hono.post('/go-live', ({ env }) => {
    handle(env.incoming, env.outgoing)
    return RESPONSE_ALREADY_SENT
  })
  hono.post('/by-hand', async context =>
    context.json(goLiveAnswer(ladder, readGoLiveRequest(await context.req.json())))
  )
  const honoServer = await new Promise<ReturnType<typeof serveHono>>(resolve => {
    const server = serveHono({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(server))
  })
  t.teardown(() => honoServer.close())
  const atHono = `http://127.0.0.1:${(honoServer.address() as net.AddressInfo).port}`
  const urls = {
    express: await listening(t, bare),
    'express.json': await listening(t, parsed),
    fastify: await listening(t, (request, response) => quick.routing(request, response)),
    hono: `${atHono}/go-live`,
    'hono by hand': `${atHono}/by-hand`
  }
  for (const [name, url] of Object.entries(urls))
    t.match(await goLiveConfiguration(url, obs()), { audio_configurations: { live: [aac] } }, name)
})

t.test('the client: a platform that refuses, says nonsense, redirects, talks without end, or says nothing', async t => {
  const held: http.ServerResponse[] = []
  const says: Record<string, (response: http.ServerResponse) => unknown> = {
    '/400': response => response.writeHead(400).end('{"status":"fail"}'),
    '/403': response => response.writeHead(403).end('{"status":{"result":"error","html_en_us":"<b>banned</b>"}}'),
    '/error': response => response.end('{"status":{"result":"error"}}'),
    '/bare': response =>
      response.end(
        JSON.stringify(goLiveAnswer(ladder, { ...obs(), client: { ...obs().client, supported_codecs: [] } }))
      ),
    '/html': response => response.end('<html>'),
    '/moved': response => response.writeHead(307, { Location: '/warning' }).end(),
    '/endless': response => {
      const more = () => {
        while (response.write(Buffer.alloc(65_536, ' '))) {}
      }
      response.on('drain', more)
      more()
    },
    '/warning': response =>
      response.end(
        JSON.stringify({ ...goLiveAnswer(ladder, obs()), status: { result: 'warning', html_en_us: 'slow' } })
      ),
    '/null': response => response.end(JSON.stringify({ ...goLiveAnswer(ladder, obs()), status: null })),
    '/half': response => response.write('{"meta":'),
    '/nothing': response => held.push(response)
  }
  const base = await listening(t, ({ url }, response) => says[url!]!(response))
  const ask = (path: string, options = {}) => goLiveConfiguration(new URL(path, base), obs(), options)
  const noAnswer = 'ERR_RTMP_GO_LIVE_HTTP'
  await t.rejects(ask('/400'), { code: noAnswer, status: 400, message: /status 400, \{"status":"fail"\}/ })
  await t.rejects(ask('/403'), { code: 'ERR_RTMP_GO_LIVE_REFUSED', message: /<b>banned<\/b>$/ })
  await t.rejects(ask('/error'), { code: 'ERR_RTMP_GO_LIVE_REFUSED', message: /without a reason$/ })
  await t.rejects(ask('/bare'), { code: 'ERR_RTMP_GO_LIVE_REFUSED', message: /codecs none$/ })
  await t.rejects(ask('/html'), { code: noAnswer, status: 200, message: /not JSON$/ })
  await t.rejects(ask('/moved'), { code: noAnswer, status: 307 }, 'a key is not sent elsewhere')
  await t.rejects(ask('/endless'), { code: noAnswer, message: /more than 1048576 bytes$/ })
  t.match(await ask('/warning'), { status: { result: 'warning', html_en_us: 'slow' } })
  t.equal((await ask('/null')).status, null)
  for (const path of ['/half', '/nothing']) {
    const clock = new TestClock()
    const { signal } = new AbortController()
    const asking = ask(path, { clock, timeoutMs: 100, signal })
    clock.pass(99)
    t.equal(clock.timers, 1)
    clock.pass(1)
    await t.rejects(asking, { code: 'ERR_RTMP_ANSWER_TIMEOUT' }, path)
  }
  const clock = new TestClock()
  const abort = new AbortController()
  const asking = ask('/nothing', { clock, signal: abort.signal })
  abort.abort(new Error('given up'))
  await t.rejects(asking, /given up/)
  t.equal(clock.timers, 0, 'no timer is left')
  for (const url of ['ftp://a/', 'nonsense']) t.throws(() => goLiveConfiguration(url, obs()), TypeError)
  t.throws(() => goLiveConfiguration(base, { ...obs(), authentication: '' }), {
    name: 'TypeError',
    message: /authentication must not be empty/
  })
  t.throws(() => goLiveConfiguration(base, obs(), { timeoutMs: 0 }), RangeError)
})
