import { expect, it } from 'vitest'
import { href, linkToken, parse, type Route } from '../src/lib/route'

const routes: [string, Route][] = [
  ['', { name: 'queue', state: 'open' }],
  ['#/queue', { name: 'queue', state: 'open' }],
  ['#/queue/decided', { name: 'queue', state: 'decided' }],
  ['#/queue/closed', { name: 'queue', state: 'open' }],
  ['#/case/case_01', { name: 'case', id: 'case_01' }],
  ['#/case/', { name: 'unknown' }],
  ['#/report/r1', { name: 'report', id: 'r1' }],
  ['#/takedowns', { name: 'takedowns' }],
  ['#/takedown/t1', { name: 'takedown', id: 't1' }],
  ['#/takedown', { name: 'unknown' }],
  ['#/lists', { name: 'lists' }],
  ['#/lists/a%2Fb%20c', { name: 'list', id: 'a/b c' }],
  ['#/activity/webhooks', { name: 'activity', tab: 'webhooks' }],
  ['#/people', { name: 'people' }],
  ['#/settings', { name: 'settings' }],
  ['#/settings/x', { name: 'unknown' }],
  ['#/%E0%A4%A', { name: 'unknown' }],
  ['#/lists/%E0%A4%A', { name: 'lists' }],
]

it.each(routes)('parses %s', (hash, want) => expect(parse(hash)).toEqual(want))

it('comes back from every address that it writes', () => {
  for (const [, r] of routes) if (r.name !== 'unknown') expect(parse(href(r))).toEqual(r)
})

it('finds a sign-in token and nothing else', () => {
  expect(linkToken('#link=abc_DEF-123')).toBe('abc_DEF-123')
  expect(linkToken('#/link=abc')).toBe('abc')
  expect(linkToken('#/queue')).toBeUndefined()
  expect(linkToken('#link=')).toBeUndefined()
  expect(linkToken('#link=a b')).toBeUndefined()
})
