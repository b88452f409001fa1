import fc from 'fast-check'
import {
  type AuthenticateOptions,
  type AuthSchemeName,
  adobeResponse,
  authenticate,
  type Connect,
  llnwResponse,
  nextAuthQuery,
  type Publish,
  propertiesOf,
  Refused,
  readCommand
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { Peer } from '../support/peer.ts'
import { holds, holdsLater } from '../support/property.ts'

type Listener = (connect: Connect) => Promise<void>

/** A connect on a connection of its own: the description it is refused with, or who it is let in as. */
async function connects(listener: Listener, app: string, tcUrl = `rtmp://127.0.0.1/${app}`): Promise<string> {
  const peer = new Peer({}, session => session.on('connect', listener))
  let description = ''
  peer.wire.on('data', message => {
    const { name, args } = readCommand(message)
    if (name === '_error') description = String(propertiesOf(args[1])?.description)
  })
  await peer.asks('connect', 1, [{ app, tcUrl }])
  return peer.session.connection === undefined ? description : `welcome ${peer.session.connection.user}`
}

const passwords = new Map([
  ['ada', 'count&less'],
  ['bob', '']
])
const listening = (options: Partial<AuthenticateOptions> = {}): Listener =>
  authenticate({ password: user => passwords.get(user), clock: new TestClock(), ...options })

/** The fields that a server asks with. */
const fieldsOf = (description: string): Record<string, string> =>
  Object.fromEntries([...description.matchAll(/[?&](\w+)=([^&]*)/g)].map(([, key, value]) => [key, value]))

/** The challenge of a server, in what it asks with or what it is answered. */
const challengeIn = (text: string): string => fieldsOf(text).opaque ?? fieldsOf(text).nonce!

/** What a client of ours says after the description it was refused with. */
const answering = (description: string, user = 'ada', password = 'count&less', app = 'live'): string =>
  `${app}?${nextAuthQuery(description, { user, password, app }, `authmod=adobe&user=${user}`)}`

const failed = (scheme: AuthSchemeName): string =>
  `[ AccessManager.Reject ] : [ authmod=${scheme} ] : ?reason=authfailed`

// user, salt and password are of an entry that Flash Media Server wrote to its users file, as
// https://blog.csdn.net/ababab12345/article/details/108073421 shows it: user2020:8wsAAA==:ICbruj1yNoAtrODdBhFTSQ==
//   printf %s user20208wsAAA==123456 | openssl md5 -binary | openssl base64
//   printf %s ICbruj1yNoAtrODdBhFTSQ==OzMAAA==1a2b3c4d | openssl md5 -binary | openssl base64
t.test('the response of authmod=adobe, as openssl computes it', async t => {
  const known = { user: 'user2020', password: '123456', salt: '8wsAAA==', clientChallenge: '1a2b3c4d' }
  t.equal(adobeResponse({ ...known, opaque: 'OzMAAA==' }), 'A7VsDfeoJcLq6Y75j26Hag==')
  t.equal(adobeResponse({ ...known, opaque: 'OzMAAA==', challenge: 'other' }), 'A7VsDfeoJcLq6Y75j26Hag==')
  t.equal(adobeResponse({ ...known, challenge: 'OzMAAA==' }), 'A7VsDfeoJcLq6Y75j26Hag==', 'challenge stands for opaque')
  t.equal(adobeResponse({ ...known, opaque: '', challenge: 'OzMAAA==' }), 'A7VsDfeoJcLq6Y75j26Hag==')
})

// user, password and app are those of Limelight's own guide, quoted in
// https://www.autoitscript.com/forum/topic/137087-generate-rtmp-authentication-url/
//   md5() { printf %s "$1" | openssl md5 -r | cut -d' ' -f1; }
//   md5 "$(md5 'acme:live:go!acme'):abc123:00000001:1a2b3c4d:auth:$(md5 publish:/acme/_definst_)"
//   md5 "$(md5 'acme:live:go!acme'):abc123:00000001:1a2b3c4d:auth:$(md5 publish:/live/inst)"
t.test('the response of authmod=llnw, as openssl computes it', async t => {
  const known = { user: 'acme', password: 'go!acme', nonce: 'abc123', nc: '00000001', cnonce: '1a2b3c4d' }
  t.equal(llnwResponse({ ...known, app: 'acme' }), '71f953ee524c6bccb3039e589fb909bd')
  t.equal(llnwResponse({ ...known, app: 'live/inst' }), 'c916e352216c78eed6d4796cc16d8c56')
})

t.test('authmod=adobe in three steps, each on a connection of its own', async t => {
  const listener = listening()
  t.equal(await connects(listener, 'live'), '[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ')
  const asked = await connects(listener, 'live?authmod=adobe&user=ada')
  const field = '[A-Za-z0-9_-]'
  t.match(
    asked,
    new RegExp(
      String.raw`^\[ AccessManager\.Reject \] : \[ authmod=adobe \] : ` +
        String.raw`\?reason=needauth&user=ada&salt=${field}{11}&challenge=(${field}{30})&opaque=\1$`
    )
  )
  const { salt, opaque } = fieldsOf(asked) as { salt: string; opaque: string }
  const clientChallenge = '1a2b3c4d'
  const response = adobeResponse({ user: 'ada', password: 'count&less', salt, opaque, clientChallenge })
  const answer = `authmod=adobe&user=ada&challenge=${clientChallenge}&response=${response}&opaque=${opaque}`
  t.equal(await connects(listener, `live?${answer}`), 'welcome ada')
})

t.test('authmod=llnw in three steps', async t => {
  const listener = listening({ scheme: 'llnw' })
  t.equal(await connects(listener, 'live'), '[ AccessManager.Reject ] : [ code=403 need auth; authmod=llnw ] : ')
  const asked = await connects(listener, 'live?authmod=llnw&user=ada')
  t.match(
    asked,
    /^\[ AccessManager\.Reject \] : \[ authmod=llnw \] : \?reason=needauth&user=ada&nonce=[A-Za-z0-9_-]{30}$/
  )
  const { nonce } = fieldsOf(asked) as { nonce: string }
  const [cnonce, nc] = ['1a2b3c4d', '00000001']
  const response = llnwResponse({ user: 'ada', password: 'count&less', app: 'live', nonce, cnonce, nc })
  const answer = `authmod=llnw&user=ada&nonce=${nonce}&cnonce=${cnonce}&nc=${nc}&response=${response}`
  t.equal(await connects(listener, `live?${answer}`), 'welcome ada')
  t.equal(await connects(listener, `film?${answer}`), failed('llnw'), 'it is for one app')
})

t.test('which schemes are understood, and which is asked for', async t => {
  const needed = (scheme: string) => `[ AccessManager.Reject ] : [ code=403 need auth; authmod=${scheme} ] : `
  t.match(await connects(listening(), 'live?authmod=llnw&user=ada'), /authmod=llnw.*needauth/, 'both, unless told')
  t.equal(await connects(listening({ scheme: 'llnw' }), 'live?authmod=adobe&user=ada'), needed('llnw'))
  t.equal(await connects(listening({ scheme: 'adobe' }), 'live?authmod=llnw&user=ada'), needed('adobe'))
  for (const query of ['authmod=none&user=ada', 'authmod=constructor&user=ada', 'authmod=adobe', 'user=ada', 'a', ''])
    t.equal(await connects(listening(), `live?${query}`), needed('adobe'), query)
})

t.test('what proves nothing', async t => {
  const clock = new TestClock()
  const asked: string[] = []
  const listener = listening({
    clock,
    password(user) {
      asked.push(user)
      return passwords.get(user)
    }
  })
  for (const scheme of ['adobe', 'llnw'] as const) {
    const asks = (user: string, how = scheme) => connects(listener, `live?authmod=${how}&user=${user}`)
    const swapped = (one: string, other: string) => one.replaceAll(challengeIn(one), challengeIn(other))
    const good = answering(await asks('ada'))
    const value = challengeIn(good)
    const without = (key: string) => good.replace(new RegExp(`&${key}=[^&]*`), '')
    const flipped = (text: string, at: number) =>
      `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
    const tampered = async (to: string) => answering((await asks('ada')).replaceAll(value, to))
    const wrong: Record<string, string> = {
      'a wrong password': answering(await asks('ada'), 'ada', 'countless'),
      'the password of another': answering(await asks('bob'), 'bob', 'count&less'),
      'a user nobody knows': answering(await asks('eve'), 'eve', 'count&less'),
      'a user nobody knows, with the password that is none': answering(await asks('eve'), 'eve', ''),
      'an empty response': good.replace(/response=[^&]*/, 'response='),
      'a response that is no digest': good.replace(/response=[^&]*/, 'response=%zz'),
      'no challenge of its own': without(scheme === 'adobe' ? 'challenge' : 'cnonce'),
      ...(scheme === 'llnw' && { 'no count': without('nc') })
    }
    const notOurs: Record<string, string> = {
      'the challenge of another user': answering(swapped(await asks('ada'), await asks('bob'))),
      'the challenge of the other scheme': answering(
        swapped(await asks('ada'), await asks('ada', scheme === 'adobe' ? 'llnw' : 'adobe'))
      ),
      'a challenge with another time': await tampered(flipped(value, 7)),
      'a challenge with another signature': await tampered(flipped(value, 20)),
      'a challenge that is too short': await tampered(value.slice(0, 8)),
      'a challenge that is too long': await tampered(`${value}AAAA`),
      'no challenge': without(scheme === 'adobe' ? 'opaque' : 'nonce'),
      'an empty challenge': good.replaceAll(value, ''),
      'an endless name': `live?authmod=${scheme}&user=${'a'.repeat(256)}`
    }
    for (const [name, app] of Object.entries(wrong)) {
      t.equal(await connects(listener, app), failed(scheme), `${scheme}: ${name}`)
      t.ok(asked.pop(), 'looked up')
    }
    for (const [name, app] of Object.entries(notOurs)) {
      t.equal(await connects(listener, app), failed(scheme), `${scheme}: ${name}`)
      t.same(asked, [], 'not even looked up')
    }
    const again = answering(await asks('ada'))
    t.not(again, good)
    clock.pass(60_000)
    t.equal(await connects(listener, again), 'welcome ada', `${scheme}: after 60 s`)
    t.same(asked.splice(0), ['ada'])
    clock.pass(1)
    t.equal(await connects(listener, again), failed(scheme), `${scheme}: later`)
    t.equal(await connects(listener, without('response')), await asks('ada'), 'no response: asked again')
  }
})

t.test('nothing tells a user nobody knows from one with another password', async t => {
  const listener = listening()
  const heard = async (user: string) => {
    const asked = await connects(listener, `live?authmod=adobe&user=${user}`)
    return [asked, await connects(listener, answering(asked, user, 'wrong'))]
  }
  const [known, unknown] = [await heard('ada'), await heard('eve')]
  const alike = (lines: string[]) => lines.map(line => line.replace(/(user|salt|challenge|opaque)=[\w-]+/g, '$1'))
  t.same(alike(known), alike(unknown))
  t.same(await heard('eve'), unknown, 'the same, whenever it is asked')
  t.not(fieldsOf(known[0]!).salt, fieldsOf(unknown[0]!).salt, 'a salt for each')
})

t.test('what an application sees of it', async t => {
  const publishes: Publish[] = []
  const asked: string[] = []
  const listener = authenticate({
    password(user, { app }) {
      asked.push(`${user} at ${app}`)
      return 'pw'
    }
  })
  for (const scheme of ['adobe', 'llnw']) {
    const description = await connects(listener, `live/inst?token=x?authmod=${scheme}&user=a+b`)
    const query = nextAuthQuery(description, { user: 'a+b', password: 'pw', app: 'live/inst' })
    const peer = new Peer({}, session => {
      session.on('connect', listener)
      session.on('publish', publish => void publishes.push(publish))
    })
    await peer.begins({ app: `live/inst?token=x?${query}`, tcUrl: `rtmp://127.0.0.1/live/inst?token=x?${query}` })
    await peer.asks('publish', 3, [null, 'film?key=y'], 1)
    const { connection } = peer.session
    t.match(connection, { user: 'a+b', app: 'live/inst' })
    t.equal(String(connection!.query), 'token=x')
    const publish = publishes.pop()!
    t.match(publish, { app: 'live/inst', name: 'film', path: 'live/inst/film' })
    t.equal(String(publish.query), 'token=x&key=y')
  }
  t.same(asked, ['a+b at live/inst', 'a+b at live/inst'])
})

/** What programs are known to send, given what they were asked with; none of them escapes anything. */
const programs: Record<string, (description: string, user: string, password: string) => [app: string, tcUrl: string]> =
  {
    'FFmpeg, with a query of its own'(description, user, password) {
      const { salt = '', opaque = '' } = fieldsOf(description)
      const response = adobeResponse({ user, password, salt, opaque, clientChallenge: '1a2b3c4d' })
      const query = `?authmod=adobe&user=${user}&challenge=1a2b3c4d&response=${response}&opaque=${opaque}`
      return [`live?token=x${query}`, `rtmp://127.0.0.1/live?token=x${query}`]
    },
    'FFmpeg, with a query of its own, authmod=llnw'(description, user, password) {
      const { nonce = '' } = fieldsOf(description)
      const [cnonce, nc] = ['1a2b3c4d', '00000001']
      const response = llnwResponse({ user, password, app: 'live?token=x', nonce, cnonce, nc })
      const query = `?authmod=llnw&user=${user}&nonce=${nonce}&cnonce=${cnonce}&nc=${nc}&response=${response}`
      return [`live?token=x${query}`, `rtmp://127.0.0.1/live?token=x${query}`]
    },
    'librtmp, its challenge in base64'(description, user, password) {
      const { salt = '', opaque = '' } = fieldsOf(description)
      const response = adobeResponse({ user, password, salt, opaque, clientChallenge: '+/8+/w==' })
      const query = `?authmod=adobe&user=${user}&challenge=+/8+/w==&response=${response}&opaque=${opaque}`
      return [`live${query}`, `rtmp://127.0.0.1:1935/live${query}`]
    },
    'librtmp, at an app that ends with a slash, authmod=llnw'(description, user, password) {
      const { nonce = '' } = fieldsOf(description)
      const [cnonce, nc] = ['1a2b3c4d', '00000001']
      const response = llnwResponse({ user, password, app: 'live/', nonce, cnonce, nc })
      const query = `?authmod=llnw&user=${user}&nonce=${nonce}&cnonce=${cnonce}&nc=${nc}&response=${response}`
      return [`live/${query}`, `rtmp://127.0.0.1:1935/live/${query}`]
    },
    'one that says it in the tcUrl alone'(description, user, password) {
      return ['live', `rtmp://127.0.0.1/${answering(description, user, password)}`]
    },
    'one that escapes everything'(description, user, password) {
      const { salt = '', opaque = '' } = fieldsOf(description)
      const response = adobeResponse({ user, password, salt, opaque, clientChallenge: '+/8+/w==' })
      const fields = { authmod: 'adobe', user, challenge: '+/8+/w==', response, opaque }
      const query = Object.entries(fields).map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      return [`live?${query.join('&')}`, 'rtmp://127.0.0.1/live']
    }
  }

for (const [program, says] of Object.entries(programs)) {
  t.test(`as programs say it: ${program}`, async t => {
    const listener = authenticate({ password: user => `${user}:+/=` })
    const scheme = program.includes('llnw') ? 'llnw' : 'adobe'
    for (const user of ['ada', 'ada@example.org', 'a+b=c', '50%', 'Zoë 王']) {
      for (let i = 0; i < 8; i++) {
        const description = await connects(listener, `live?authmod=${scheme}&user=${user}`)
        const [app, tcUrl] = says(description, user, `${user}:+/=`)
        t.equal(await connects(listener, app, tcUrl), `welcome ${user}`)
      }
    }
  })
}

t.test('FFmpeg undoes no escapes of its URL, and computes with them', async t => {
  const listener = authenticate({ password: user => (user === 'ada@example.org' ? 'pw' : undefined) })
  for (const scheme of ['adobe', 'llnw']) {
    const description = await connects(listener, `live?authmod=${scheme}&user=ada%40example.org`)
    t.match(description, /&user=ada%40example\.org&/, 'it reads its name here')
    const [app] = programs[`FFmpeg, with a query of its own${scheme === 'llnw' ? ', authmod=llnw' : ''}`]!(
      description,
      'ada%40example.org',
      'pw'
    )
    t.equal(await connects(listener, app), 'welcome ada@example.org')
  }
})

t.test('a description is short enough for FFmpeg, whose names have 49 bytes and whose descriptions 255', async t => {
  for (const scheme of ['adobe', 'llnw']) {
    const description = await connects(listening({ clock: Date }), `live?authmod=${scheme}&user=${'u'.repeat(49)}`)
    t.ok(description.length <= 255, `${description.length} bytes`)
  }
})

t.test('a password may take its time', async t => {
  let found = () => {}
  const slow = listening({
    password: user =>
      new Promise<string | undefined>(resolve => {
        found = () => resolve(passwords.get(user))
      })
  })
  const heard = async (app: string, leaves = false) => {
    const clock = new TestClock()
    const failures: unknown[] = []
    const peer = new Peer({ clock }, session => {
      session.on('connect', slow)
      session.on('handlerError', error => void failures.push(error))
    })
    const lines = await peer.asks('connect', 1, [{ app, tcUrl: 'rtmp://127.0.0.1/live' }])
    if (leaves) peer.wire.destroy()
    else if (app.includes('late')) clock.pass(10_000)
    lines.push(...(await peer.hears()))
    found()
    return { lines: [...lines, ...(await peer.hears())], failures }
  }
  const good = answering(await connects(slow, 'live?authmod=adobe&user=ada'))
  t.same(await heard(good), { lines: ['_result 1 {} NetConnection.Connect.Success'], failures: [] })
  t.same(await heard(good, true), { lines: [], failures: [] }, 'the peer has gone meanwhile')
  t.same(
    await heard(`${good}&late=yes`),
    { lines: ['_error 1 null NetConnection.Connect.Rejected', 'end'], failures: [] },
    'it was too late'
  )
})

t.test('a password that is not to be had refuses', async t => {
  const good = answering(await connects(listening(), 'live?authmod=adobe&user=ada'))
  const refusing = listening({
    password() {
      throw new Refused('NetConnection.Connect.Rejected', 'not today')
    }
  })
  t.equal(await connects(refusing, good), 'not today')
  t.equal(
    await connects(listening({ password: () => Promise.reject(new Error('boom')) }), good),
    'internal server error'
  )
})

t.test('processes that share a secret serve one URL', async t => {
  const secret = 'sixteen bytes or more'
  const good = answering(await connects(listening({ secret }), 'live?authmod=adobe&user=ada'))
  t.equal(await connects(listening({ secret }), good), 'welcome ada')
  t.equal(await connects(listening(), good), failed('adobe'))
  t.throws(() => listening({ secret: 'fifteen letters' }), RangeError)
  for (const maxAgeMs of [0, -1, Number.NaN]) t.throws(() => listening({ maxAgeMs }), RangeError)
})

t.test('what a client of ours says to servers, as they speak', async t => {
  const claim = { user: 'broadcast', password: 'secret', app: 'live?token=x' }
  const needed = '[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : '
  t.equal(nextAuthQuery(needed, claim), 'authmod=adobe&user=broadcast')
  t.equal(nextAuthQuery('code=403 need auth; authmod=adobe', claim), 'authmod=adobe&user=broadcast', 'MediaMTX')
  t.equal(nextAuthQuery('[ code=403 need auth; authmod=llnw ]', claim), 'authmod=llnw&user=broadcast', 'Limelight')
  const first = 'authmod=adobe&user=broadcast'

  /** Asks with these, and checks the answer against what was hashed. */
  function answers(description: string, salt: string, opaque: string, user = claim.user, sent = opaque): void {
    const query = nextAuthQuery(description, claim, first)!
    const { challenge: clientChallenge = '', response } = fieldsOf(`?${query}`)
    t.match(clientChallenge, /^[0-9a-f]{8}$/)
    t.equal(response, adobeResponse({ user, password: 'secret', salt, opaque, clientChallenge }), description)
    t.equal(query.replace(/&challenge.*?(&opaque|$)/, '$1'), sent === '' ? first : `${first}&opaque=${sent}`)
  }
  const asking = '[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth'
  // as a log of Cisco's Meeting Server has it from a Vbrick DME
  answers(
    `${asking}&user=broadcast&salt=WvviAT4cmEkeosgbQXFJTodwlqtZjBC5&challenge=KqLT7N==&opaque=KqLT7N==`,
    'WvviAT4cmEkeosgbQXFJTodwlqtZjBC5',
    'KqLT7N=='
  )
  answers(`${asking}&user=broadcast&salt=a+/b==&challenge=c&opaque=+/8+/w==`, 'a+/b==', '+/8+/w==')
  answers(`${asking}&user=&salt=6MnrBnKW&challenge=7C5OrwQg&opaque=vbi2V`, '6MnrBnKW', 'vbi2V')
  answers(`${asking}&user=Broadcast&salt=s&challenge=c&opaque=o`, 's', 'o', 'Broadcast')
  answers(`${asking}&user=broadcast&salt=a%2Bb%3D&challenge=c&opaque=o%3D%3D`, 'a+b=', 'o==', claim.user, 'o%3D%3D')
  const mediaMtx = 'authmod=adobe ?reason=needauth&user=broadcast&salt=testsalt&challenge=testchallenge'
  const query = nextAuthQuery(mediaMtx, claim, first)!
  const { challenge: clientChallenge = '', response } = fieldsOf(`?${query}`)
  const expected = { user: 'broadcast', password: 'secret', salt: 'testsalt', challenge: 'testchallenge' }
  t.equal(response, adobeResponse({ ...expected, clientChallenge }))
  t.notMatch(query, 'opaque')

  const digest = nextAuthQuery('[ authmod=llnw ] : reason=needauth&user=broadcast&nonce=n+/=', claim, first)!
  const { cnonce = '', nc = '', ...rest } = fieldsOf(`?${digest}`)
  const digested = llnwResponse({ ...claim, app: 'live', nonce: 'n+/=', cnonce, nc })
  t.same(rest, { authmod: 'llnw', user: 'broadcast', nonce: 'n+/=', response: digested })
  t.match(digest, /&nonce=n\+\/=&cnonce=[0-9a-f]{8}&nc=00000001&response=/)

  const strange = nextAuthQuery(needed, { ...claim, user: 'a&=+?%# b@é' })
  t.equal(strange, 'authmod=adobe&user=a%26%3D%2B%3F%25%23%20b@é', 'what would break a query is escaped, no more')
  t.equal(nextAuthQuery('no such app', claim), undefined, 'a rejection that asks for no password')
  t.equal(nextAuthQuery('', claim), undefined)
})

t.test('what is final for a client of ours', async t => {
  const claim = { user: 'ada', password: 'hush', app: 'live' }
  const [first, second] = ['authmod=adobe&user=ada', 'authmod=adobe&user=ada&challenge=c&response=r&opaque=o']
  const rejected = '[ AccessManager.Reject ] : '
  const cases: [description: string, sent: string | undefined, why: RegExp][] = [
    [`${rejected}[ authmod=adobe ] : ?reason=authfailed&opaque=vgoAAA==`, second, /wrong user or password/],
    [`${rejected}[ authmod=adobe ] : ?reason=authfailed`, undefined, /wrong user or password/],
    [`${rejected}[ authmod=adobe ] : ?reason=nosuchuser`, first, /unknown user/],
    [`${rejected}[ authmod=adobe ] : ?reason=needauth&user=ada&salt=s&challenge=c&opaque=o`, second, /wrong user or/],
    [`${rejected}[ authmod=adobe ] : ?reason=needauth&user=ada&salt=s`, first, /no challenge/],
    [`${rejected}[ authmod=llnw ] : ?reason=needauth&user=ada`, first, /no challenge/],
    [`${rejected}[ code=403 need auth; authmod=adobe ] : `, first, /403 need auth/],
    [`${rejected}[ code=403 need auth; authmod=llnw ] : `, first, /403 need auth/],
    [`${rejected}[ authmod=adobe ] : ?reason=constructor`, first, /reason=constructor/],
    [`${rejected}[ code=403 need auth; authmod=red5 ] : `, undefined, /authmod=red5/],
    [`${rejected}[ code=403 need auth; authmod=constructor ] : `, undefined, /authmod=constructor/]
  ]
  for (const [description, sent, why] of cases) {
    try {
      t.fail(`${description}: ${nextAuthQuery(description, claim, sent)}`)
    } catch (error) {
      t.match(error, { code: 'ERR_RTMP_REFUSED', status: 'NetConnection.Connect.Rejected', description: why })
      t.notMatch((error as Error).message, 'hush')
    }
  }
})

const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
const tricky = fc.string({ unit: fc.constantFrom(...'&=+?%#/ aZ0é王🎥'), minLength: 1, maxLength: 20 })
const credentials = fc.record({
  user: fc.oneof(names, tricky),
  password: fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), tricky),
  app: fc.constantFrom('live', 'live/inst', 'live?token=x', 'a/b/c'),
  scheme: fc.constantFrom<AuthSchemeName>('adobe', 'llnw')
})

t.test('client and server understand each other', async t => {
  await holdsLater(
    t,
    'whatever the user and the password are',
    fc.asyncProperty(credentials, async ({ user, password, app, scheme }) => {
      const listener = authenticate({ scheme, password: name => (name === user ? password : undefined) })
      let query: string | undefined
      for (let step = 1; step <= 3; step++) {
        const full = query === undefined ? app : `${app}${app.includes('?') ? '&' : '?'}${query}`
        const heard = await connects(listener, full)
        if (heard.startsWith('welcome ')) return step === 3 && heard === `welcome ${user}`
        query = nextAuthQuery(heard, { user, password, app }, query)
      }
      return false
    })
  )
  await holdsLater(
    t,
    'and no other password will do',
    fc.asyncProperty(credentials, fc.oneof(names, tricky), async ({ user, password, app, scheme }, other) => {
      fc.pre(other !== password)
      const listener = authenticate({ scheme, password: () => password })
      const claim = { user, password: other, app }
      const first = nextAuthQuery(await connects(listener, app.replace(/\?.*/, '')), claim)!
      const second = nextAuthQuery(await connects(listener, `live?${first}`), claim, first)!
      return (await connects(listener, `${app.replace(/\?.*/, '')}?${second}`)) === failed(scheme)
    })
  )
})

t.test('a client of ours reads whatever a server writes', async t => {
  holds(
    t,
    'it answers, or refuses, or passes it on',
    fc.property(
      fc.string({
        unit: fc.constantFrom('authmod=adobe', 'authmod=llnw', '?reason=needauth', '&', '=', '%', 'salt', 'x')
      }),
      fc.constantFrom(undefined, 'authmod=adobe&user=ada'),
      (description, sent) => {
        try {
          const query = nextAuthQuery(description, { user: 'ada', password: 'hush', app: 'live' }, sent)
          return query === undefined || query.startsWith('authmod=')
        } catch (error) {
          return error instanceof Refused
        }
      }
    )
  )
})
