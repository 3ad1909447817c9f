// Plain words for what package talk and package conduct say in codes. One place:
// a code that is not here is shown as it is, never hidden.

import { capital } from './words'

const indicators: Record<string, string> = {
  asks_age: 'asks for the age',
  age_mismatch: 'says different ages of themselves',
  asks_place: 'asks for the place',
  asks_who_is_near: 'asks who is near or reads along',
  asks_secrecy: 'asks to keep it secret',
  flatters_exclusively: 'flatters: “only you”',
  offers_gift: 'offers a gift',
  undermines_others: 'speaks against friends or family',
  asks_move_app: 'asks to move to another app',
  moves_channel: 'moves to a more private channel',
  proposes_meeting: 'proposes to meet',
  asks_picture: 'asks for a picture',
  pushes_after_refusal: 'asks again after a no',
  threatens_to_share: 'threatens to share or tell',
  demands_money: 'demands money or a code',
  names_contacts: 'names the child’s contacts',
  target_distress: 'the child refuses or is uneasy',
  external_score: 'a second opinion says so',
}

const relations: Record<string, string> = {
  adult_stranger: 'an adult without ties to the child',
  age_gap: 'eight years older or more',
  child_wrote_first: 'the child wrote first',
  mutual_friends: 'five friends in common or more',
  long_known: 'in touch for over half a year',
  near_in_age: 'about the same age',
  family: 'family, verified by the platform',
  relation_bounded: 'limit on what is known of the two',
  several_families: 'signs of three kinds or more',
  rounding: 'rounding of the numbers',
  ordinary_messages: 'ordinary messages between',
}

const fast: Record<string, string> = {
  threat_and_demand: 'a threat and a demand, close together',
  threat_and_contacts: 'a threat, and knowledge of the child’s contacts',
  picture_then_threat: 'a picture asked for, sent, and a threat',
}

const families: Record<string, string> = {
  access: 'access',
  risk: 'risk check',
  trust: 'trust',
  isolation: 'isolation',
  approach: 'approach',
  coercion: 'coercion',
  victim: 'the child’s side',
  outside: 'second opinion',
  relation: 'who they are',
  pattern: 'pattern',
  'already taken off': 'already taken off',
}

const detectors: Record<string, string> = {
  'slow-grooming': 'slow: trust built over time',
  'fast-extortion': 'fast: extortion',
}

const tiers: Record<string, string> = { none: 'below all', tip: 'tip', friction: 'friction', review: 'review' }

const steps: Record<string, string> = {
  tip: 'Safety tip for the child',
  help_screen: 'Help screen for the child',
  channel_pause: 'Channel to the child paused',
  friction: 'New contacts slowed down',
  review: 'Brought here for a person',
}

const ties: Record<string, [string, string]> = {
  victim: ['child', 'children'],
  media: ['file', 'files'],
  device: ['device', 'devices'],
  payment: ['payment handle', 'payment handles'],
  invite: ['invitation', 'invitations'],
  member: ['group', 'groups'],
}

const known = (of: Record<string, string>) => (code: string) => (Object.hasOwn(of, code) ? of[code]! : code.replaceAll('_', ' '))

/** What somebody does, in a few words with a small first letter: for the middle of a line. */
export const indicatorPhrase = known({ ...relations, ...indicators })
export const indicatorWords = (code: string) => capital(indicatorPhrase(code))
export const familyWords = known(families)
export const fastWords = known(fast)
export const detectorWords = known(detectors)
export const tierWords = known(tiers)
export const stepKind = known(steps)

/** "2 devices" that an account shares with others. */
export function tieWords(kind: string, shared: number): string {
  const [one, many] = Object.hasOwn(ties, kind) ? ties[kind]! : [kind, kind]
  return `${shared} ${shared === 1 ? one : many}`
}

const languages = new Intl.DisplayNames(['en'], { type: 'language' })
export function languageWords(code: string): string {
  try {
    return code ? (languages.of(code) ?? code) : 'language not known'
  } catch {
    return code
  }
}

/** 1.34 as "+1.3", −0.7 with a true minus; nought has no sign. */
export function signed(v: number): string {
  const r = Math.round(v * 10) / 10
  return r > 0 ? `+${r.toFixed(1)}` : r < 0 ? `−${(-r).toFixed(1)}` : '0.0'
}
