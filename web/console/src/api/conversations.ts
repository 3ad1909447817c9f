// Shapes of the conversation operations, written by hand until openapi.json has
// them: then these become names for the generated ones, like those in types.ts.

import { get, post } from './client'

export type Tier = 'none' | 'tip' | 'friction' | 'review'
export type Side = 'actor' | 'target'

export interface ConversationPerson {
  account_id: string
  /** In words, with how it is known. */
  age: string
  child: boolean
}

/** One summand of a score. */
export interface ScorePart {
  name: string
  family: string
  value: number
}

/** A message that changed something. */
export interface Mark {
  event_id: string
  at: string
  from: Side
  indicators: { name: string; value: number }[]
  score: number
  tier: Tier
  fast?: string[]
  /** Its text is kept for this case. */
  kept: boolean
}

export interface Asked {
  from: Side
  indicator: string
  count: number
  first: string
  last: string
}

export interface AutomaticStep {
  at: string
  kind: string
  to?: string
}

export interface Conversation {
  id: string
  item_id: string
  conversation_id: string
  actor: ConversationPerson
  target: ConversationPerson
  surface: string
  jurisdiction: string
  mode: 'full' | 'metadata'
  detectors: string[]
  fast: string[]
  summary: string
  score: number
  tier: Tier
  tip: number
  friction: number
  review: number
  parts: ScorePart[]
  against: ScorePart[]
  missing: string[]
  coverage: 'text' | 'metadata_only'
  language: string
  messages: number
  unread: number
  versions: Record<string, string>
  marks: Mark[]
  marks_dropped?: number
  asked: Asked[]
  steps: AutomaticStep[]
  kept_messages: number
  first_at: string
  last_at: string
}

/** Where in a message an indicator was found: bytes of its UTF-8 text. */
export interface Span {
  from: number
  to: number
  indicator: string
}

export interface KeptMessage {
  id: string
  at: string
  from: Side
  text: string
  media: boolean
  truncated: boolean
  indicators: string[]
  spans: Span[]
}

export interface KeptMessages {
  messages: KeptMessage[]
  forgotten: number
}

export interface RingMember {
  account_id: string
  this: boolean
  seed: boolean
  score: number
  x: number
  y: number
  why: { kind: string; shared: number; with: number }[]
  case_id?: string
}

export interface Ring {
  members: RingMember[]
  links: { a: number; b: number; weight: number }[]
  children: number
  partial: boolean
}

export interface Network {
  rings: Ring[]
  built_at: string
  accounts: number
  ties: number
  note?: string
}

const id = encodeURIComponent

export const conversations = {
  of: (c: string) => get<{ conversations: Conversation[] }>(`/v1/cases/${id(c)}/conversations`),
  /** Opens the kept messages. Who, when and why go on record first. */
  messages: (c: string, cnv: string, reason: string) => post<KeptMessages>(`/v1/cases/${id(c)}/conversations/${id(cnv)}/messages`, { reason }),
  network: (c: string) => get<Network>(`/v1/cases/${id(c)}/network`),
}
