// json-rules-engine on the rules and events that the Rust program dumped.
//
//   node json-rules-engine.mjs LOAD
//
// Lines on standard input are questions: `verdicts` is answered with a 0 or 1 for every rule of every event, `round`
// with nanoseconds of processor time for all rules over one event. It fails when a verdict is not the dumped one.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Engine } from 'json-rules-engine'

const { rules, worlds, verdicts } = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const OPERATORS = {
  equals: 'equal',
  not_equals: 'knownNotEqual',
  in: 'in',
  not_in: 'knownNotIn',
  greater_than_or_equal: 'greaterThanInclusive',
  less_than: 'lessThan',
  between: 'between',
  starts_with: 'startsWith',
}

// Every subject is a fact of its own, which the engine reaches sooner than a path inside a document; those of product
// lines are lists.
function condition({ type, operator, value }) {
  const own = OPERATORS[operator]
  return { fact: type, operator: type.startsWith('product.') ? `someFact:${own}` : own, value }
}

// Where the subjects that the rules are about are found.
const subjects = [...new Set(rules.flat(2).map(({ type }) => type))].map((subject) => {
  const [group, ...path] = subject.split('.')
  if (group === 'order') return { subject, path: ['event', 'order', ...path] }
  if (group === 'product') return { subject, path: ['event', 'order', 'products'], field: path }
  return { subject, path: [group, ...path] }
})

const walk = (value, path) => path.reduce((inner, name) => inner?.[name], value)

function facts(world) {
  const found = {}
  for (const { subject, path, field } of subjects) {
    const value = walk(world, path)
    if (value !== undefined) found[subject] = field ? value.map((line) => walk(line, field)) : value
  }
  return found
}

// A missing fact makes a condition fail.
const engine = new Engine([], { allowUndefinedFacts: true })
engine.addOperator('knownNotEqual', (seen, value) => seen !== undefined && seen !== value)
engine.addOperator('knownNotIn', (seen, values) => seen !== undefined && !values.includes(seen))
engine.addOperator('between', (seen, [from, to]) => seen >= from && seen <= to)
engine.addOperator('startsWith', (seen, value) => typeof seen === 'string' && seen.startsWith(value))
for (const [number, rule] of rules.entries()) {
  const branches = rule.map((branch) => ({ all: branch.map(condition) }))
  const conditions = branches.length === 1 ? branches[0] : { any: branches }
  engine.addRule({ conditions, event: { type: String(number) } })
}

async function judge(world) {
  const marks = new Array(rules.length).fill('0')
  const { events } = await engine.run(facts(world))
  for (const { type } of events) marks[Number(type)] = '1'
  return marks.join('')
}

async function allVerdicts() {
  const found = []
  for (const [number, world] of worlds.entries()) {
    const marks = await judge(world)
    if (marks !== verdicts[number]) {
      const rule = [...marks].findIndex((mark, at) => mark !== verdicts[number][at])
      throw new Error(`json-rules-engine differs from masivo at event ${number}, rule ${rule}`)
    }
    found.push(marks)
  }
  return found.join('')
}

// One pass over all events takes long enough: its time is the round's.
async function round() {
  let matched = 0
  const start = process.cpuUsage()
  for (const world of worlds) matched += (await engine.run(facts(world))).events.length
  const { user, system } = process.cpuUsage(start)
  const wanted = verdicts.join('').replaceAll('0', '').length
  if (matched !== wanted) throw new Error(`${matched} matches instead of ${wanted}`)
  return ((user + system) * 1000) / worlds.length
}

for await (const question of createInterface({ input: process.stdin })) {
  console.log(question === 'verdicts' ? await allVerdicts() : await round())
}
