import fc from 'fast-check'
import { adobeResponse, llnwResponse, nextAuthQuery, Refused } from 'rtmpipe'
import t from 'tap'
import { holds } from '../support/property.ts'

/** The fields that a server asks with. */
const fieldsOf = (description: string): Record<string, string> =>
  Object.fromEntries([...description.matchAll(/[?&](\w+)=([^&]*)/g)].map(([, key, value]) => [key, value]))

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
    [`${rejected}[ authmod=adobe ] : ?reason=nosuchuser`, first, /no such user/],
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
