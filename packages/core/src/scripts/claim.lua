-- Completes finished runs and claims due ones, in one step. A request that was answered before (the last number of its line) is answered
-- as it was then: a reply may have been lost.
--
-- Its parts, in the order of their inclusion: claim/request, kept-waiting, due, plain-ends, plain; lib/lending; lending, rates, complete, limits, pauses, lanes, overlap, misfires, max-runs, consider, take.

local function claimed_before()
  local active, runs, tokens = redis.call('HGETALL', key.active), {}, {}
  for i = 1, #active, 2 do
    local token, attempt, started, request, task = string.match(active[i + 1], '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    if tonumber(request) == number then
      runs[#runs + 1] = active[i]
      tokens[#tokens + 1] = token
      claimed[#claimed + 1] = { run = active[i], token = token, attempt = tonumber(attempt), started = started, task = task }
    end
  end
  if #runs == 0 then return end
  local records = former.records_of(runs, tokens)
  local others = redis.call('HMGET', key.attempts, unpack(runs))
  for i, item in ipairs(claimed) do
    item.record = records[item.run]
    local _, lost, _, left = attempt_of(others[i])
    item.lost, item.left = lost, left
  end
end

local answer = last[2] or ''
if number == last_number then
  claimed_before()
  more = 1 -- what else the lost answer said is not known
else
  complete()
  local woken = flush_lanes()
  make_due_ready()
  for _, run in ipairs(orphans) do forget(run) end
  admit_some()
  flush_lanes()
  claim()
  settle_exhausted()
  if flush_lanes() then woken = true; more = 1 end
  woken = woken or freed
  -- Runs that became ready by this, handed back or let go on, are news to idle nodes. (What became due is not.)
  if woken and redis.call('EXISTS', key.ready) == 1 then publish(int(now)) end
  answer = table.concat(accepted)
  redis.call('HSET', key.request, unpack(kept_waiting.note(looked, { of_line[1], arg.number, of_line[2], answer })))
  flush_events(now)
end

for _, run in ipairs(given_up) do pass(run, 'skipped', 'dependency') end
for partition in pairs(outbox.left) do pass(partition, 'outbox', '') end
for i = 1, #exhausted, 3 do
  if exhausted[i + 2] ~= '' then pass(exhausted[i + 2], 'missed', 'exhausted') end
  pass(exhausted[i], 'jobExhausted', exhausted[i + 1])
end
for i = 1, #failing.paused, 3 do pass(failing.paused[i], 'autoPaused', failing.paused[i + 1] .. ' ' .. failing.paused[i + 2]) end
local function text_of(item)
  -- Without a body where the job was removed after a claim whose answer was lost.
  local record, task, queue, tags, body = item.record, item.task, '', '', ''
  if record then
    task, queue, tags, body = task or record.task, record.queue, extra(record, 'tg') or '', string.sub(record.text, record.body)
  end
  return table.concat({ item.run, item.token, item.attempt, item.started or int(now), item.lost or 0, task, item.left or '', queue, tags .. '\n' .. body }, ' ')
end
local texts = {}
for i, item in ipairs(claimed) do texts[i] = text_of(item) end
local next_due = next_waiting()
if rated.opens and (not next_due or rated.opens < next_due) then next_due = rated.opens end
local wanted = lending.is_on and number ~= last_number and lending.answer() or {}
if lending.opens and (not next_due or lending.opens < next_due) then next_due = lending.opens end
if #wanted > 0 then return { int(now), answer, next_due and int(next_due) or '', texts, passed, more, false, wanted } end
return { int(now), answer, next_due and int(next_due) or '', texts, passed, more }
