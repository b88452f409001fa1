import { spawnSync } from 'node:child_process'

const known = new Map<string, boolean>()

/** False, so that a test runs, if all these programs are there; else what the test says when it is skipped. */
export function without(...programs: string[]): false | string {
  const missing = programs.filter(program => {
    if (!known.has(program)) known.set(program, spawnSync('which', [program]).status === 0)
    return !known.get(program)
  })
  return missing.length === 0 ? false : `${missing.join(', ')} not installed`
}
