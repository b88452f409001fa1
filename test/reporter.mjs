// of run.mjs: a line per file, each failure in full, and at the end what was skipped and a plain closing line.
import { Transform } from 'node:stream'
import { Parser } from 'tap-parser'

export default class CiReporter extends Transform {
  #parser = new Parser()
  #count = { passed: 0, failed: 0, skipped: 0 }
  #failedBefore = 0
  #skipped = []

  constructor() {
    super()
    this.#watch(this.#parser, [])
  }

  #watch(parser, path) {
    let last // the subtest whose own 'assert' comes next
    parser.on('child', child => {
      last = child.name
      this.#watch(child, [...path, child.name])
    })
    parser.on('assert', res => {
      const subtest = last !== undefined && last === res.name
      last = undefined
      const file = path.length === 0
      if (file) this.push(`${res.ok ? 'ok  ' : 'FAIL'} ${res.name} (${Math.round(res.time ?? 0)} ms)\n`)
      // a file that crashed or timed out fails with no failed assertion inside it
      const lost = file && !res.ok && !res.skip && !res.todo && this.#count.failed === this.#failedBefore
      if (file) this.#failedBefore = this.#count.failed + (lost ? 1 : 0)
      if (subtest && !lost) return
      if (res.skip || res.todo) {
        this.#count.skipped++
        const reason = res.skip || res.todo
        this.#skipped.push(`skipped ${[...path, res.name].join(' > ')}${reason === true ? '' : `: ${reason}`}\n`)
      } else if (res.ok) this.#count.passed++
      else {
        this.#count.failed++
        const { at, stack, source, diff, found, wanted, exitCode, signal } = res.diag ?? {}
        if (lost) this.push(`    exit code ${exitCode}, signal ${signal}\n`)
        const where = at ? ` at ${at.fileName}:${at.lineNumber}` : ''
        this.push(`not ok ${[...path, res.name].join(' > ')}${where}\n`)
        for (const part of [source, diff ?? (found === undefined ? '' : `found ${found}, wanted ${wanted}`), stack]) {
          if (part) this.push(`${String(part).replace(/^/gm, '    ')}\n`)
        }
      }
    })
    parser.on('bailout', reason => this.push(`bail out: ${reason}\n`))
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk)
    done()
  }

  _flush(done) {
    this.#parser.end()
    for (const line of this.#skipped) this.push(line)
    const { passed, failed, skipped } = this.#count
    this.push(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
    done()
  }
}
