// Plain words for what the API says in codes.

import type { Account, Disclosure, Environment, Exchange, Finding, HoldKind, Item, ListKind, Measure, MeasureRecord, Outcome, Priority, Relevant, ReportState, RequestDetail, RequestSummary, ScanState, Statement, Subject, TakedownDetail, TakedownState, TakedownSummary } from '../api/types'

export function duration(ms: number): string {
  const min = Math.floor(Math.max(0, ms) / 60_000)
  if (min < 1) return 'under a minute'
  if (min < 60) return `${min} min`
  const h = Math.floor(min / 60)
  if (h < 24) return min % 60 && h < 10 ? `${h} h ${min % 60} min` : `${h} h`
  const d = Math.floor(h / 24)
  return h % 24 && d < 3 ? `${d} d ${h % 24} h` : `${d} d`
}

const two = (n: number) => String(n).padStart(2, '0')

export function moment(iso: string, seconds = false): string {
  const d = new Date(iso)
  if (Number.isNaN(d.getTime())) return iso
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
  const time = `${two(d.getHours())}:${two(d.getMinutes())}`
  return seconds ? `${day} ${time}:${two(d.getSeconds())}` : `${day} ${time}`
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  if (n < 1_000_000) return `${(n / 1000).toFixed(n < 10_000 ? 1 : 0)} kB`
  if (n < 1e9) return `${(n / 1e6).toFixed(1)} MB`
  return `${(n / 1e9).toFixed(2)} GB`
}

export const count = (n: number) => n.toLocaleString('en-GB')
export const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`
export const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1)

const kinds: Record<ListKind, string> = {
  illegal: 'known illegal material',
  intimate_image: 'intimate pictures shared without consent',
  terrorism: 'terrorist content',
  harmful: 'lawful but harmful material',
  allow: 'known harmless material',
  canary: 'test signals',
}
export const kindWords = (k: ListKind) => kinds[k] ?? k

export const kindNames: Record<ListKind, string> = {
  illegal: 'Illegal',
  intimate_image: 'Intimate image',
  terrorism: 'Terrorism',
  harmful: 'Harmful',
  allow: 'Allow',
  canary: 'Canary (test)',
}

const variants: Record<string, string> = {
  original: '',
  rotate90: 'turned by a quarter',
  rotate180: 'turned upside down',
  rotate270: 'turned by three quarters',
  flipX: 'flipped top to bottom',
  flipY: 'mirrored',
  flipPlus1: 'mirrored and turned',
  flipMinus1: 'mirrored and turned the other way',
}

/** Edits that were undone to find a picture, by the first word of the variant. */
const undone: Record<string, string> = {
  panel: 'found within a page or screenshot',
  trim: 'found within a border',
  uncrop: 'found although cropped',
  turn: 'found although slightly turned',
  fill: 'found beneath something laid over it',
}

/** A place in a video: 0:12, 1:02:03. */
export function clockWords(ms: number): string {
  const s = Math.floor(ms / 1000)
  const two = (n: number) => String(n).padStart(2, '0')
  const h = Math.floor(s / 3600)
  return h > 0 ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`
}

/** Says what a finding is, as far as a reviewer needs it: never the hash, never the distance. */
export function findingWords(f: Finding): { what: string; how: string } {
  const what = `${f.match === 'exact' ? 'Exact copy of' : 'Near copy of'} an entry on list “${f.list}”`
  const how: string[] = []
  const v = variants[f.variant] ?? f.variant
  const edit = undone[f.variant.split('_')[0]!]
  if (f.match === 'near' && edit) how.push(edit)
  else if (f.match === 'near' && v) how.push(`found when ${v}`)
  if (f.to_ms) how.push(`from ${clockWords(f.from_ms ?? 0)} to ${clockWords(f.to_ms)}`)
  else if (f.frame > 0) how.push(`in frame ${count(f.frame + 1)}`)
  return { what: [what, ...how].join(', '), how: `${capital(kindWords(f.kind))} · ${f.detector}` }
}

/** An exact copy of known illegal material: it can be reported without anybody looking. */
export const exactMatch = (i: Item) => i.findings.find((f) => f.match === 'exact' && f.kind === 'illegal')

const scans: Record<ScanState, { name: string; words: string }> = {
  scanned: { name: 'Scanned', words: 'All of it was examined.' },
  partial: { name: 'Only partly scanned', words: 'Some of it was not examined.' },
  failed: { name: 'Scan failed', words: 'It was not examined. Finding nothing here means nothing.' },
  unsupported: { name: 'Cannot be scanned', words: 'No detector can read this kind of file. Finding nothing here means nothing.' },
}
export const scanWords = (s: ScanState) => scans[s] ?? { name: s, words: '' }

export function mediaWords(i: Item): string {
  const m = i.media
  if (!m) return i.evidence ? `${i.evidence.media_type} · ${bytes(i.evidence.size)}` : 'Only hashes were sent; there is no file'
  const frames = m.frames > 1 ? ` · ${count(m.frames)} frames` : ''
  return `${m.format.toUpperCase()} · ${count(m.width)} × ${count(m.height)}${frames} · ${bytes(m.size)}`
}

/** The neutral name of a picture: where it stands and its size, never what it shows. */
export function altText(i: Item, index: number, total: number, state: string): string {
  const size = i.media ? `, ${count(i.media.width)} × ${count(i.media.height)}` : ''
  return `Item ${index + 1} of ${total}, ${state}${size}`
}

const verdicts: Record<string, string> = {
  allow: 'allowed',
  warn: 'shown with a warning',
  limit: 'limited',
  hold: 'held back',
  block: 'blocked',
}
export const verdictWords = (v: string) => verdicts[v] ?? v

const surfaces: Record<string, string> = { public: 'Public', private: 'Private', encrypted: 'Encrypted' }
export const surfaceWords = (s: string) => surfaces[s] ?? capital(s)

export const priorityWords: Record<Priority, string> = {
  P1: 'immediate danger',
  P2: 'soon',
  P3: 'in turn',
}

export const environments: Record<Environment, { short: string; long: string }> = {
  standin: { short: 'Local stand-in', long: 'Reports go to a stand-in on your own machine. Nothing reaches an authority.' },
  test: { short: 'Test environment', long: 'Reports go to the authority’s test system. Nobody acts on them.' },
  production: { short: 'Production', long: 'Reports go to the authority and are acted on.' },
}

const reportStates: Record<ReportState, string> = {
  draft: 'Draft',
  approved: 'Approved',
  opening: 'Being opened',
  open: 'Sending files',
  sealed: 'Sealed',
  filed: 'Filed',
  withdrawn: 'Withdrawn',
}
/** A person who carries a report hands it over; Rowan opens one. */
export const reportState = (s: ReportState, carried = false) => (carried && s === 'opening' ? 'On its way' : (reportStates[s] ?? s))

export const steps = ['Draft', 'Approved', 'Opened', 'Files sent', 'Sealed', 'Filed'] as const
export const stepsByHand = ['Draft', 'Approved', 'On its way', 'Filed'] as const

/** How many steps are behind a report, and which one it is on (none when finished or withdrawn). */
export function stepOf(s: ReportState, carried = false): { done: number; now: number } {
  if (carried) {
    if (s === 'filed') return { done: 4, now: -1 }
    if (s === 'withdrawn') return { done: 0, now: -1 }
    const now = s === 'draft' ? 0 : 2
    return { done: now, now }
  }
  switch (s) {
    case 'draft':
      return { done: 0, now: 0 }
    case 'approved':
      return { done: 2, now: 2 }
    case 'opening':
      return { done: 2, now: 2 }
    case 'open':
      return { done: 3, now: 3 }
    case 'sealed':
      return { done: 5, now: 5 }
    case 'filed':
      return { done: 6, now: -1 }
    case 'withdrawn':
      return { done: 0, now: -1 }
  }
}

export function accountRows(a: Account): { label: string; values: string[] }[] {
  const mark = (v?: boolean) => (v === undefined ? '' : v ? ' (verified)' : ' (not verified)')
  const rows = [
    { label: 'Name', values: a.names ?? [] },
    { label: 'Screen name', values: a.screen_name ? [a.screen_name] : [] },
    { label: 'Display names', values: a.display_names ?? [] },
    { label: 'Email', values: (a.emails ?? []).map((e) => e.address + mark(e.verified)) },
    { label: 'Phone', values: (a.phones ?? []).map((p) => p.number + mark(p.verified)) },
    { label: 'Date of birth', values: a.date_of_birth ? [a.date_of_birth] : [] },
    { label: 'Age', values: a.age !== undefined ? [`${a.age}${a.age_source ? ` (${a.age_source.replace('_', ' ')})` : ''}`] : [] },
    { label: 'Address', values: (a.addresses ?? []).map((x) => [x.type, x.street, x.city, x.postal_code, x.region, x.country].filter(Boolean).join(', ')) },
    { label: 'Estimated place', values: a.location ? [[a.location.city, a.location.region, a.location.country].filter(Boolean).join(', ')] : [] },
    { label: 'Suspended', values: a.suspended ? [a.suspended.at ? moment(a.suspended.at) : 'yes'] : [] },
    { label: 'Closed', values: a.closed ? [a.closed.at ? moment(a.closed.at) : 'yes'] : [] },
    { label: 'Other accounts', values: (a.linked ?? []).map((l) => [l.type, l.platform, l.id, l.screen_name].filter(Boolean).join(', ')) },
    { label: 'Connected to', values: a.connections?.length ? [plural(a.connections.length, 'account')] : [] },
    { label: 'Payment', values: a.billing ?? [] },
    { label: 'Identity papers', values: (a.documents ?? []).map((d) => [d.kind, d.issuer].filter(Boolean).join(', ')) },
    { label: 'Profile', values: a.profile_url ? [a.profile_url] : [] },
    { label: 'About them', values: a.profile_bio ? [a.profile_bio] : [] },
    { label: 'Devices', values: (a.devices ?? []).map((d) => `${d.type} ${d.value}`) },
  ]
  return rows.filter((r) => r.values.length > 0)
}

/** An authority in a sentence. */
export const toAuthority = (n: string, agency?: string) => (n === 'nca' ? 'the NCA' : n === 'referral' ? (agency ?? 'law enforcement') : authorityName(n))

/** Flags of a report, in NCMEC's sense (documentation of 2025). */
export const annotationWords: Record<string, string> = {
  sextortion: 'Extortion with images',
  solicitation: 'A child was asked for images',
  minor_to_minor: 'Between minors',
  spam: 'Spam',
  sadistic_exploitation: 'Sadistic exploitation',
}

export const fileNoteWords: Record<string, string> = {
  drawing: 'Drawing or virtual',
  meme: 'Potential meme',
  viral: 'Viral',
  self_production: 'Possibly made by the child',
  physical_harm: 'Physical harm',
  violence: 'Violence',
  animal: 'Animal',
  live_streaming: 'Streamed live when uploaded',
  infant: 'Infant',
  generative_ai: 'Made by a generator',
}

export const groundWords: Record<string, string> = {
  place: 'Place of the upload or publication',
  nationality: 'Nationality of the suspect',
  suspect_location: 'Where the suspect is',
  victim_location: 'Where the child is',
}

export const stepWords: Record<string, string> = {
  bundle: 'took the bundle',
  hand_over: 'began to submit it',
  reference: 'entered the reference',
  not_found: 'looked: it is not there',
  found: 'looked: it is there',
  phone_call: 'called',
  mend: 'took it back to a draft',
}

/** `ncmec` is an abbreviation; a name with capitals or spaces is shown as it is. */
export const authorityName = (n: string) => (/^[a-z]{2,6}$/.test(n) ? n.toUpperCase() : n)

const acts: Record<string, string> = {
  'account.put': 'wrote what is known of the account',
  'case.open': 'opened the case',
  'case.item': 'added an item',
  'case.claim': 'took the case',
  'case.release': 'gave the case back',
  'case.decide': 'decided the case',
  'case.undo': 'took the decision back',
  'evidence.view': 'looked',
  'evidence.destroy': 'destroyed the evidence',
  'evidence.export': 'took an evidence bundle',
  'evidence.relevant': 'kept data of the account',
  'evidence.pause': 'paused destruction',
  'evidence.resume': 'let destruction go on',
  'clock.set': 'set a clock',
  'hold.place': 'placed a hold',
  'hold.ask_release': 'asked to release a hold',
  'hold.release': 'released a hold',
  'account.ask_erasure': 'asked to erase the account',
  'account.keep': 'kept the account',
  'account.erase': 'erased the account',
  'key.create': 'made a key',
  'key.revoke': 'revoked a key',
  'list.create': 'made the list',
  'list.change': 'changed the list',
  'list.delete': 'deleted the list',
  'list.import': 'imported signals',
  'list.signal.remove': 'removed a signal',
  'passkey.add': 'added a passkey',
  'report.draft': 'drafted a report',
  'report.edit': 'edited the report',
  'report.approve': 'approved the report',
  'report.withdraw': 'withdrew the report',
  'report.retry': 'asked to try again',
  'report.opening': 'is opening the report',
  'report.open': 'opened the report at the authority',
  'report.sealed': 'sealed the report',
  'report.filed': 'filed the report',
  'report.route': 'sent the draft to another authority',
  'report.bundle': 'took the bundle of the report',
  'report.hand_over': 'began to submit the report',
  'report.reference': 'entered the reference of the report',
  'report.found': 'found the report at the authority',
  'report.not_found': 'did not find the report at the authority',
  'report.phone_call': 'called the authority',
  'report.mend': 'took the report back to a draft',
  'report.overdue': 'noticed that the report is late',
  'authority.schema': 'noticed that the authority’s schema has changed',
  'request.receive': 'recorded the request',
  'request.due': 'brought the time to answer forward',
  'request.end': 'ended the request',
  'disclosure.prepare': 'prepared a bundle for an authority',
  'disclosure.approve': 'approved the hand-over of a bundle',
  'disclosure.hand_over': 'handed a bundle over to an authority',
  'disclosure.drop': 'dropped a prepared bundle',
  'outcome.record': 'wrote down what came of it',
  'outcome.withdraw': 'withdrew an outcome',
  'takedown.receive': 'took the notice in',
  'takedown.decide': 'decided the notice',
  'takedown.hold': 'asked for a temporary limit',
  'takedown.found': 'found copies',
  'takedown.removal': 'confirmed removals',
  'takedown.complain': 'handed in a complaint',
  'takedown.judge': 'decided a complaint',
  'takedown.move': 'gave the notice to the child-safety path',
  'takedown.contact': 'looked at the contact',
  'takedown.forget_contact': 'forgot the contact',
  'takedown.due_soon': 'noticed that the time is nearly over',
  'takedown.overdue': 'noticed that the notice is late',
  'list.notice.add': 'put what was taken down on the list',
  'list.notice.remove': 'took what was taken down off the list',
  'session.begin': 'signed in',
  'session.end': 'signed out',
  'user.create': 'added a person',
  'user.change': 'changed a person',
  'user.link': 'made a sign-in link',
  'webhook.create': 'added a webhook',
  'webhook.delete': 'removed a webhook',
  'webhook.retry': 'asked to send again',
}
/** What a ledger line says was done; a code that is not known is shown as it is. */
export const actionWords = (code: string) => acts[code] ?? code

const holds: Record<HoldKind, string> = {
  legal_hold: 'Legal hold',
  preservation_request: 'Preservation request',
  disclosure: 'Disclosure under way',
  other: 'Hold',
}
export const holdWords = (k: HoldKind) => holds[k] ?? k

const roles: Record<string, string> = { original: 'original', preview: 'preview', transcript: 'transcript', relevant: 'relevant' }
export const roleWords = (r: string) => roles[r] ?? r

const relevants: Record<Relevant['state'], string> = { not_asked: 'Not asked for', asked: 'Asked for', overdue: 'Overdue', received: 'Received' }
export const relevantWords = (s: Relevant['state']) => relevants[s] ?? s

/** A field's path as words: `reporter.company_template` is “Reporter: company template”. */
export function fieldWords(path: string): string {
  return capital(path.replace(/\./g, ': ').replace(/_/g, ' '))
}

/** Short form of a long identifier: enough to tell two apart. */
export const shortId = (id: string) => (id.length > 18 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id)

const ages = [
  { name: 'under 1 h', max: 3600e3 },
  { name: '1–4 h', max: 4 * 3600e3 },
  { name: '4–24 h', max: 24 * 3600e3 },
  { name: 'over 1 d', max: Infinity },
]
export const ageNames = ages.map((a) => a.name)

/** How many wait, by priority and age. */
export function ageTable(cases: { priority: Priority; opened_at: string }[], now: number): Record<Priority, number[]> {
  const t: Record<Priority, number[]> = { P1: [0, 0, 0, 0], P2: [0, 0, 0, 0], P3: [0, 0, 0, 0] }
  for (const c of cases) {
    const age = now - Date.parse(c.opened_at)
    const i = ages.findIndex((a) => age < a.max)
    const row = t[c.priority]
    if (row && i >= 0) row[i]!++
  }
  return t
}

export const exchangeKinds: Record<Exchange['kind'], string> = {
  ncmec: 'NCMEC Hash Sharing',
  stopncii: 'StopNCII',
  threatexchange: 'ThreatExchange',
  tat: 'Tech Against Terrorism',
  arachnid: 'Arachnid Shield',
  list: 'List file',
}

export const exchangeStates: Record<Exchange['state'], string> = {
  off: 'Switched off',
  syncing: 'Syncing',
  waiting_for_person: 'Waits for you',
  failing: 'Failing',
  stale: 'Out of date',
  ok: 'In order',
  new: 'Not synced yet',
}

export const measureAnswers: Record<Measure['answer'], string> = {
  applies: 'Applies',
  undetermined: 'Undetermined',
  does_not_apply: 'Does not apply',
}

export const measureHoldings: Record<Measure['holding'], string> = {
  evidence: 'Evidence',
  gap: 'Gap',
  unread: 'Could not be read',
}

export const measureStatuses: Record<MeasureRecord['status'], string> = {
  in_effect: 'In effect',
  not_in_effect: 'Not in effect',
  not_adopted: 'Not adopted',
  alternative: 'Alternative measure',
}

export const sourceTags: Record<string, string> = {
  P: 'read in a primary source',
  S: 'read in a secondary source',
  M: 'from memory, not verified',
  I: 'inferred by us',
}

export const statementStates: Record<Statement['state'], string> = {
  kept: 'Kept, not sent',
  waiting: 'Waiting',
  sending: 'On its way',
  filed: 'Filed',
  refused: 'Refused',
  withdrawn: 'Withdrawn',
}

export const requestStates: Record<RequestSummary['state'], string> = { open: 'Open', answered: 'Answered', refused: 'Refused', withdrawn: 'Withdrawn' }

const bases: Record<RequestSummary['basis'], string> = {
  nca_information_request: 'Information request of the NCA',
  court_order: 'Court order',
  legal_process: 'Legal process',
  preservation_request: 'Request to preserve',
  emergency: 'Emergency',
  mutual_assistance: 'Mutual legal assistance',
  voluntary: 'Without compulsion',
  other: 'Another ground',
}
export const basisWords = (b: RequestSummary['basis']) => bases[b] ?? b

export const authorityKinds: Record<RequestSummary['authority_kind'], string> = {
  police: 'Police',
  nca: 'National Crime Agency',
  prosecutor: 'Prosecutor',
  court: 'Court',
  regulator: 'Regulator',
  other: 'Another authority',
}

export const meansWords: Record<RequestDetail['means'], string> = {
  portal: 'Through a portal',
  email: 'By e-mail',
  letter: 'By letter',
  phone: 'By phone',
  in_person: 'In person',
  other: 'By other means',
}

export const subjectKinds: Record<Subject['kind'], string> = { account: 'Account', case: 'Case', content: 'Content', report: 'Report' }

export const disclosureStates: Record<Disclosure['state'], string> = { prepared: 'Waits for approval', approved: 'Approved', handed_over: 'Handed over', dropped: 'Dropped' }

export const outcomeWords: Record<Outcome['kind'], string> = {
  child_safeguarded: 'A child was safeguarded',
  suspect_identified: 'A suspect was identified',
  arrest: 'An arrest',
  charge: 'A charge',
  conviction: 'A conviction',
  no_action: 'No action',
  not_enough_information: 'Not enough information',
  other: 'Something else',
}
export const takedownStates: Record<TakedownState, string> = {
  open: 'To decide',
  decided: 'Being removed',
  removed: 'Removed',
  refused: 'Refused',
  moved: 'Child-safety case',
}

export const takedownLaws: Record<TakedownSummary['law'], string> = {
  uk: 'UK, Online Safety Act',
  us: 'US, TAKE IT DOWN Act',
  terms: 'Own terms',
}

const refusals: Record<string, string> = {
  not_intimate_image: 'It is not an intimate image',
  not_subject_or_agent: 'Who asked is neither the person shown nor acts for them',
  request_not_valid: 'The request lacks something that the Act asks for',
  published_with_consent: 'It was published with consent',
  allowed_by_terms: 'The terms allow it',
}
export const refusalWords = (r: string) => refusals[r] ?? r

export const askedByWords = (w: TakedownSummary['asked_by']) => (w === 'subject' ? 'the person shown' : 'somebody acting for the person shown')

const relations: Record<TakedownDetail['items'][number]['relation'], string> = { reported: 'Reported', same: 'Same file', similar: 'Substantially the same' }
export const relationWords = (r: keyof typeof relations) => relations[r] ?? r

/** What the search for copies can say; never "none" of what was not looked at. */
export function searchWords(s: TakedownSummary['search']): string {
  switch (s) {
    case 'done':
      return 'searched'
    case 'pending':
      return 'search not made yet'
    case 'content_unknown':
      return 'not searchable: content unknown'
    default:
      return 'a case has it'
  }
}

const gapNames: Record<string, string> = { signature: 'a signature', good_faith: 'a statement of good faith', contact: 'a contact' }
export const gapWords = (g: string) => gapNames[g] ?? g

/** The time that is left of a notice, or by how much it is over. */
export const leftWords = (seconds: number) => (seconds >= 0 ? `${duration(seconds * 1000)} left` : `${duration(-seconds * 1000)} over`)
