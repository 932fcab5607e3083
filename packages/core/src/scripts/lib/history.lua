-- What is kept of runs that have ended: entries in `history:<job>`, those of runs that failed in `failures:<job>` where they are kept
-- apart; results in `results:<job>`, or each under a key `result:<run>` where it has a time to live of its own.

local ended_jobs = {} -- jobs of which a run has ended in this step

local tell_dependents, has_edges -- in lib/dependencies.lua
local entry, retention, keep_of_job, remember_job, ends_of_task, keep_of_task, remember_enqueued

do -- a script has room for 200 names: those that are used in here alone take none of it
  function entry(at, started, now, state, attempt, token, node, detail)
    return at .. ' ' .. started .. ' ' .. int(now) .. ' ' .. state .. ' ' .. attempt .. ' ' .. token .. ' ' .. node .. ' ' .. detail
  end

  local function finished_at(text) return tonumber(string.match(text, '^%S+ %S+ (%S+)')) or 0 end
  local function has_failed(text) return string.find(text, '^%S+ %S+ %S+ [ftcl] ') ~= nil end

  -- Takes out of a list, and adds to `gone`, what finished before `oldest`; at most 100 in one step.
  local function drop_outdated(list, oldest, finished_of, gone)
    local most = #gone + 100
    local first = redis.call('LINDEX', list, 0)
    while first and #gone < most and finished_of(first) < oldest do
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
    local first = redis.direct('LINDEX', list, 0)
    if first and finished_of(first) < oldest then drop_outdated(list, oldest, finished_of, gone) end
    return gone
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

  local is_paced, is_retained -- whether there are such jobs, read when first asked for, and in one call where there are none

  local function look_for_rules()
    local found = redis.call('EXISTS', key.paced, key.retention)
    is_paced = found == 2 or (found == 1 and redis.call('EXISTS', key.paced) == 1)
    is_retained = found == 2 or (found == 1 and not is_paced)
  end

  local as_usual = {} -- what is kept by the settings alone

  -- What is kept by `rule`, `<runs>:<failed>:<age>:<results>` with - for what it leaves open, and by the settings of whoever records.
  -- `failed` nil: runs that failed are kept among the others. `results` nil: a result is kept as long as its entry; 0: not at all.
  function retention(rule, most)
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

  -- Writes the entry of a job's run, and its result, by what is kept of that job.
  function keep_of_job(job, text, run, result, kept, now)
    local list, most = arg.prefix .. 'history:' .. job, kept.runs
    if kept.failed and has_failed(text) then list, most = arg.prefix .. 'failures:' .. job, kept.failed end
    local gone = append(list, text, most, now - kept.age, finished_at)
    redis.direct('PEXPIRE', list, int(kept.age))
    if result == '' and #gone == 0 then return end
    local results = arg.prefix .. 'results:' .. job
    if result ~= '' then keep_result(results, result_name(run, text), result, kept) end
    if #gone == 0 then return end
    for i, item in ipairs(gone) do gone[i] = result_name(job .. '@' .. (string.match(item, '^%S+') or ''), item) end
    if redis.call('EXISTS', results) == 1 then redis.call('HDEL', results, unpack(gone)) end
    forget_results(gone, kept)
  end

  function remember_job(job, text, run, result, now)
    ended_jobs[job] = true
    tell_end(run ~= '' and run or job .. '@' .. string.match(text, '^%S+'), text)
    if is_paced == nil then look_for_rules() end
    if is_paced then pace(job, text, now) end
    tell_dependents(job, text, now)
    keep_of_job(job, text, run, result, retention(is_retained and redis.call('HGET', key.retention, job), arg.history_max), now)
  end

  -- Enqueued runs that ended in this step, by task: ids, `failed` those that are kept apart, and `texts`, the ids with their entries.
  local enqueued_ends = {}

  function ends_of_task(task)
    local ends = enqueued_ends[task]
    if not ends then
      ends = { fine = {}, failed = {}, texts = {} }
      enqueued_ends[task] = ends
    end
    return ends
  end

  -- Keeps the entry of an enqueued run that did not fail, and its result. It is written with the others of the step.
  function keep_of_task(ends, task, text, run, result)
    local fine, texts = ends.fine, ends.texts
    local size = #texts
    fine[#fine + 1] = run
    texts[size + 1] = run
    texts[size + 2] = text
    if result ~= '' then keep_result(arg.prefix .. 'results:~' .. task, run, result, retention(nil, arg.finished_max)) end
  end

  function remember_enqueued(task, text, run, result, now)
    tell_end(run, text)
    local ends = ends_of_task(task)
    keep_of_task(ends, task, text, run, result)
    if has_failed(text) and retention(nil, arg.finished_max).failed then ends.failed[#ends.failed + 1] = table.remove(ends.fine) end
  end

  local function finished_of(id)
    local found = redis.call('HGET', key.finished, id)
    return found and finished_at(found) or 0
  end

  -- Appends ids to a list and takes out what is more than may stay, or too old; adds that to `gone`.
  local function append_ids(list, ids, most, oldest, gone)
    if #ids > 0 then
      local length
      for i = 1, #ids, TAKE do length = redis.call('RPUSH', list, unpack(ids, i, math.min(i + TAKE - 1, #ids))) end
      if length > most then
        local over, before = redis.call('LPOP', list, math.min(length - most, #ids + 100)), #gone
        for i = 1, #over do gone[before + i] = over[i] end
      end
    end
    drop_outdated(list, oldest, finished_of, gone)
  end

  local function flush_task(task, ends, now)
    local kept = retention(nil, arg.finished_max)
    local history, failures = arg.prefix .. 'history:~' .. task, arg.prefix .. 'failures:~' .. task
    local results, oldest, gone = arg.prefix .. 'results:~' .. task, now - kept.age, {}
    for i = 1, #ends.texts, 2 * TAKE do
      redis.call('HSET', key.finished, unpack(ends.texts, i, math.min(i + 2 * TAKE - 1, #ends.texts)))
    end
    append_ids(history, ends.fine, kept.runs, oldest, gone)
    if kept.failed then append_ids(failures, ends.failed, kept.failed, oldest, gone) end
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

  function flush_enqueued(now)
    for task, ends in pairs(enqueued_ends) do flush_task(task, ends, now) end
    enqueued_ends = {}
  end
end
