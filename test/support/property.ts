import fc from 'fast-check'

/** Seconds that every property is given, where it is to be more than its usual number of runs: RTMPIPE_FUZZ_SECONDS. */
const seconds = Number(process.env.RTMPIPE_FUZZ_SECONDS ?? 0)
const longer = seconds > 0 ? { numRuns: 1e9, interruptAfterTimeLimit: seconds * 1000 } : {}

/** Runs a property as one assertion of `t`; what breaks it is shown, shrunk, with the seed that finds it again. */
export function holds<Values>(
  t: { pass(name: string): unknown; fail(name: string): unknown },
  name: string,
  property: fc.IProperty<Values>,
  parameters: fc.Parameters<Values> = {}
): void {
  const details = fc.check(property, { includeErrorInReport: true, ...parameters, ...longer })
  if (details.failed) t.fail(`${name}\n${fc.defaultReportMessage(details)}`)
  else t.pass(name)
}

/** The same for a property that waits. Its time is looked at between rounds: an interrupted run would go on behind the test. */
export async function holdsLater<Values>(
  t: { pass(name: string): unknown; fail(name: string): unknown },
  name: string,
  property: fc.IAsyncProperty<Values>,
  parameters: fc.Parameters<Values> = {}
): Promise<void> {
  const until = Date.now() + seconds * 1000
  let details: fc.RunDetails<Values>
  do {
    details = await fc.check(property, { includeErrorInReport: true, ...parameters })
  } while (!details.failed && Date.now() < until)
  if (details.failed) t.fail(`${name}\n${await fc.asyncDefaultReportMessage(details)}`)
  else t.pass(name)
}

/** Bytes, as Buffers. */
export const buffers = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map(bytes => Buffer.from(bytes))
