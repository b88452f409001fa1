import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs'

/** Copies the page of `rtmpipe serve` to dist, with the two libraries it uses and their licences: `npm run build`. */
const to = 'dist/lib/app/page'
cpSync('lib/app/page', to, { recursive: true, filter: source => !source.endsWith('tsconfig.json') })

const libraries = {
  'mpegts.js/dist/mpegts.js': 'mpegts.js',
  'uplot/dist/uPlot.esm.js': 'uPlot.js'
}
// without the name of a source map, which is not there
for (const [from, name] of Object.entries(libraries)) {
  const text = readFileSync(`node_modules/${from}`, 'utf8')
  writeFileSync(`${to}/${name}`, text.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'))
}

copyFileSync('node_modules/uplot/dist/uPlot.min.css', `${to}/uPlot.css`)
copyFileSync('node_modules/uplot/LICENSE', `${to}/uPlot.LICENSE`)
const licences = ['mpegts.js/LICENSE', 'mpegts.js/dist/mpegts.js.LICENSE.txt']
writeFileSync(`${to}/mpegts.js.LICENSE`, licences.map(from => readFileSync(`node_modules/${from}`, 'utf8')).join('\n'))
