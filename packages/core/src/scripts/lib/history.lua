-- What is kept of runs that have ended: entries in `history:<job>`, those of runs that failed in `failures:<job>` where they are kept
-- apart; results in `results:<job>`, or each under a key `result:<run>` where it has a time to live of its own.

local ended_jobs = {} -- jobs of which a run has ended in this step

local function entry(at, started, now, state, attempt, token, node, detail)
  return at .. ' ' .. started .. ' ' .. int(now) .. ' ' .. state .. ' ' .. attempt .. ' ' .. token .. ' ' .. node .. ' ' .. detail
end

local function finished_at(text) return tonumber(string.match(text, '^%S+ %S+ (%S+)')) or 0 end
local function has_failed(text) return string.find(text, '^%S+ %S+ %S+ [ftcl] ') ~= nil end

-- Takes out of a list, and adds to `gone`, what finished before `oldest`; at most 100 in one step.
local function drop_outdated(list, oldest, finished_of, gone)
  local first = redis.call('LINDEX', list, 0)
  while first and #gone < 100 and finished_of(first) < oldest do
    redis.call('LPOP', list)
    gone[#gone + 1] = first
    first = redis.call('LINDEX', list, 0)
  end
  return gone
end

-- Appends to a list that keeps at most `most` items, none finished before `oldest`; answers what had to go.
local function append(list, text, most, oldest, finished_of)
  local gone = {}
  local length = redis.call('RPUSH', list, text)
  if length > most then gone = redis.call('LPOP', list, math.min(length - most, 100)) end
  return drop_outdated(list, oldest, finished_of, gone)
end

-- A job whose interval counts from the end of its runs gets its next fire time when one of a fire time has come to an end,
-- whatever end that is; not if it has one already, or a run of one that has not started, nor by what was claimed under a former job of its id.
local function pace(job, text, now)
  local interval, last, most, born = string.match(redis.call('HGET', key.paced, job) or '', '^(%d+):(%d*):(%d*):?(%d*)$')
  local at, token = string.match(text, '^(%d+) %S+ %S+ %S+ %S+ (%S+)')
  if not interval or not at or former.found[job .. '@' .. at] then return end
  if token ~= '0' and tonumber(token) < (tonumber(born) or 0) then return end
  interval = tonumber(interval)
  if (last ~= '' and now + interval > tonumber(last))
    or (most ~= '' and tonumber(redis.call('HGET', key.counts, job) or 0) >= tonumber(most)) then
    redis.call('HSETNX', key.exhaustion, job, 'ending')
    return
  end
  if redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job) then return end
  local own = job .. '@' .. at -- one that is skipped may still be listed
  for _, run in ipairs(redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 2)) do
    if run ~= own then return end
  end
  redis.call('ZADD', key.due, int(now + interval), job)
  publish('jobs ' .. int(now + interval))
end

local tell_dependents, has_edges -- in lib/dependencies.lua
local is_paced, is_retained -- whether there are such jobs, read when first asked for, and in one call where there are none

local function look_for_rules()
  local found = redis.call('EXISTS', key.paced, key.retention)
  is_paced = found == 2 or (found == 1 and redis.call('EXISTS', key.paced) == 1)
  is_retained = found == 2 or (found == 1 and not is_paced)
end

local as_usual = {} -- what is kept by the settings alone

-- What is kept by `rule`, `<runs>:<failed>:<age>:<results>` with - for what it leaves open, and by the settings of whoever records.
-- `failed` nil: runs that failed are kept among the others. `results` nil: a result is kept as long as its entry; 0: not at all.
local function retention(rule, most)
  if not rule and as_usual[most] then return as_usual[most] end
  local runs, failed, age, results = string.match(rule or '', '^(%S-):(%S-):(%S-):(%S-)$')
  local kept = {
    runs = tonumber(runs) or tonumber(most), failed = tonumber(failed) or tonumber(arg.failed_max),
    age = tonumber(age) or tonumber(arg.history_age), results = tonumber(results) or tonumber(arg.result_ttl),
  }
  if not rule then as_usual[most] = kept end
  return kept
end

-- What a result is found by. A job's run that was taken out of the dead letters has one for each of its ends.
local function result_name(run, text)
  local attempt = tonumber(string.match(text, '^%S+ %S+ %S+ %S+ (%S+)')) or 1
  return attempt > 1 and run .. '#' .. attempt or run
end

local function keep_result(results, name, result, kept)
  if result == '' or kept.results == 0 then return end
  if kept.results then
    redis.call('SET', arg.prefix .. 'result:' .. name, result, 'PX', int(math.min(kept.results, kept.age)))
  else
    redis.call('HSET', results, name, result)
    redis.call('PEXPIRE', results, int(kept.age))
  end
end

-- Results go with their entries. One with a time of its own, of before that rule was changed, goes by its time.
local function forget_results(names, kept)
  if not kept.results or kept.results == 0 then return end
  local keys = {}
  for i, name in ipairs(names) do keys[i] = arg.prefix .. 'result:' .. name end
  redis.call('UNLINK', unpack(keys))
end

-- The reason in a detail, as JSON has it, quoted; empty if there is none.
local function reason_in(detail)
  local from = string.find(detail, '"reason":"', 1, true)
  local at = from and from + 10
  while at do
    local mark = string.find(detail, '["\\]', at)
    if mark and string.sub(detail, mark, mark) == '"' then return string.sub(detail, from + 9, mark) end
    at = mark and mark + 2
  end
  return ''
end

-- What is told of an end: the run, its entry without the detail, and the reason, if there is one.
local function tell_end(run, text)
  local head, detail = string.match(text, '^(%S+ %S+ %S+ %S+ %S+ %S+ %S+) ([^\n]*)')
  local count = detail ~= '' and string.match(detail, '"count":(%d+)') or ''
  tell('ended ' .. run .. ' ' .. head .. ' ' .. count .. ' ' .. reason_in(detail))
end

local function remember_job(job, text, run, result, now)
  ended_jobs[job] = true
  tell_end(run ~= '' and run or job .. '@' .. string.match(text, '^%S+'), text)
  if is_paced == nil then look_for_rules() end
  if is_paced then pace(job, text, now) end
  tell_dependents(job, text, now)
  local kept = retention(is_retained and redis.call('HGET', key.retention, job), arg.history_max)
  local list, results, most = arg.prefix .. 'history:' .. job, arg.prefix .. 'results:' .. job, kept.runs
  if kept.failed and has_failed(text) then list, most = arg.prefix .. 'failures:' .. job, kept.failed end
  local gone = append(list, text, most, now - kept.age, finished_at)
  redis.direct('PEXPIRE', list, int(kept.age))
  keep_result(results, result_name(run, text), result, kept)
  if #gone == 0 then return end
  for i, item in ipairs(gone) do gone[i] = result_name(job .. '@' .. string.match(item, '^%S+'), item) end
  if redis.call('EXISTS', results) == 1 then redis.call('HDEL', results, unpack(gone)) end
  forget_results(gone, kept)
end

local function remember_enqueued(task, text, run, result, now)
  tell_end(run, text)
  local kept = retention(nil, arg.finished_max)
  local history, failures = arg.prefix .. 'history:~' .. task, arg.prefix .. 'failures:~' .. task
  local results, oldest = arg.prefix .. 'results:~' .. task, now - kept.age
  local function finished_of(id)
    local found = redis.call('HGET', key.finished, id)
    return found and finished_at(found) or 0
  end
  redis.call('HSET', key.finished, run, text)
  local gone
  if not kept.failed then gone = append(history, run, kept.runs, oldest, finished_of)
  elseif has_failed(text) then
    gone = drop_outdated(history, oldest, finished_of, append(failures, run, kept.failed, oldest, finished_of))
  else
    gone = drop_outdated(failures, oldest, finished_of, append(history, run, kept.runs, oldest, finished_of))
  end
  keep_result(results, run, result, kept)
  if #gone == 0 then return end
  redis.call('HDEL', key.finished, unpack(gone))
  local there = redis.call('EXISTS', results, failures)
  local had = there > 0 and redis.call('HDEL', results, unpack(gone)) or 0
  if not kept.failed and (there == 2 or (there == 1 and had < #gone)) then
    -- What was kept apart by settings of before goes by its age, as it would have.
    local others = drop_outdated(failures, oldest, finished_of, {})
    if #others > 0 then
      redis.call('HDEL', key.finished, unpack(others))
      redis.call('HDEL', results, unpack(others))
    end
  end
  forget_results(gone, kept)
end
