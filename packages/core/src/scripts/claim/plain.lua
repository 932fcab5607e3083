-- The usual request: runs that succeeded, and runs that nothing keeps from starting. It is looked through with few calls, and answered before the rest of
-- this script is even read; whatever else there is in it, nothing of it is done here, and the rest looks at all of it.

do
  local prefix, call, direct = arg.prefix, redis.call, redis.direct
  local match, find, sub, concat = string.match, string.find, string.sub, table.concat

  -- What some of a namespace's jobs and runs may be subject to. As long as there is none of it, one call says so.
  local function rules_of_runs() return { key.cancelled, key.holds, key.limited, key.progress } end
  local function rules_of_jobs() return { key.exhaustion, key.failing, key.paced, key.retention } end
  local function holds_of_jobs() return { key.blocked, key.edges, key.paused } end

  local heads = {} -- what stands before a record's body -> what it says
  local MOST_NAMES = 7000 -- that one call is handed
  local most = slots + ahead
  local function append(all, more) for _, name in ipairs(more) do all[#all + 1] = name end end

  local function has_any(name, fields)
    for _, value in ipairs(call('HMGET', name, unpack(fields))) do if value then return true end end
    return false
  end

  -- Whether something is said of any of these: pauses, by their keys; runs that end (nil: they have been looked at); jobs of runs.
  local function are_ruled(pauses, ended, jobs)
    if #pauses > MOST_NAMES then return true end
    local names = { unpack(pauses) }
    if ended then append(names, rules_of_runs()) end
    if #jobs > 0 then append(names, rules_of_jobs()); append(names, holds_of_jobs()) end
    if call('EXISTS', unpack(names)) == 0 then return false end
    -- Others' rules, perhaps.
    if ended then append(pauses, { key.limited }) end
    if #jobs > 0 then append(pauses, holds_of_jobs()) end
    if call('EXISTS', unpack(pauses)) > 0 then return true end
    if ended and #ended > 0 then
      for _, name in ipairs({ key.cancelled, key.holds, key.progress }) do if has_any(name, ended) then return true end end
    end
    if #jobs > 0 then for _, name in ipairs(rules_of_jobs()) do if has_any(name, jobs) then return true end end end
    return false
  end

  -- Whether this node was given limits or rates that are for one of these lanes.
  local function is_limited(lanes)
    if next(limits) == nil and next(rates) == nil then return false end
    for _, lane in ipairs(lanes) do
      for _, scope in ipairs({ 'all', 'queue:' .. lane.queue, 'task:' .. lane.task }) do
        if limits[scope] or rates[scope] then return true end
      end
    end
    return false
  end

  -- Outcomes, if all are of runs that succeeded and that this node holds; else nil.
  local function read_outcomes()
    local found, runs, seen = {}, {}, {}
    local first, count = list.completions.first, list.completions.count
    if count == 0 then return found, runs end
    for i = 1, count do
      local run, token, detail, result = match(ARGV[first + i - 1], '^(%S+) (%S+) s\n([^\n]*)\n(.*)$')
      if not run or seen[run] or (detail ~= '' and (find(detail, '"reason":', 1, true) or find(detail, '"count":', 1, true))) then return nil end
      seen[run] = true
      runs[i] = run
      found[i] = { run = run, token = token, detail = detail, result = result, job = match(run, '^([^@]+)@') }
    end
    local held = call('HMGET', key.active, unpack(runs))
    for i = 1, count do
      local item = found[i]
      local token, attempt, started, task = match(held[i] or '', '^(%S+) (%S+) (%S+) %S+ (%S+)$')
      if token ~= item.token then return nil end
      item.attempt, item.started, item.task = attempt, started, task
    end
    return found, runs
  end

  local function by_score(one, other)
    if one.score == other.score then return one.place < other.place end
    return one.score < other.score
  end

  -- The lanes that this node serves and that have any runs. nil: one has runs that start by force.
  local function read_lanes()
    local lanes, count = {}, list.lanes.count
    if most == 0 or count == 0 then return lanes end
    if count > TAKE or most > TAKE then return nil end
    local first = list.lanes.first
    local heads = call('ZMSCORE', key.ready, unpack(ARGV, first, first + count - 1))
    for i = 1, count do
      if heads[i] then
        if tonumber(heads[i]) < FORCED_BELOW then return nil end
        local name = ARGV[first + i - 1]
        local queue, task = match(name, '^(.-)@(.+)$')
        lanes[#lanes + 1] = { name = name, queue = queue, task = task, taken = 0 }
      end
    end
    return lanes
  end

  local function pauses_of_lanes(lanes)
    if #lanes == 0 then return {} end
    local pause = prefix .. 'pause:'
    local names = { pause .. 'all', pause .. 'node:' .. arg.node }
    for _, lane in ipairs(lanes) do append(names, { pause .. 'queue:' .. lane.queue, pause .. 'task:' .. lane.task }) end
    return names
  end

  local function pauses_of_jobs(jobs)
    local names, pause = {}, prefix .. 'pause:'
    for _, job in ipairs(jobs) do names[#names + 1] = pause .. 'job:' .. job end
    for _, record in pairs(heads) do
      for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do names[#names + 1] = pause .. 'tag:' .. tag end
    end
    return names
  end

  -- The first runs of lanes, as many as this node may be given, each lane's own in order. nil: that takes looking at too many.
  local function read_picks(lanes)
    local picks = {}
    if #lanes * most > 4 * TAKE then return nil end
    for _, lane in ipairs(lanes) do lane.items = call('ZRANGE', lane_key(lane.name), 0, most, 'WITHSCORES') end
    if #lanes == 1 then
      local lane = lanes[1]
      for i = 1, math.min(#lane.items / 2, most) do picks[i] = { run = lane.items[2 * i - 1], lane = lane } end
      return picks
    end
    for place, lane in ipairs(lanes) do
      for i = 1, #lane.items, 2 do
        picks[#picks + 1] = { run = lane.items[i], lane = lane, score = tonumber(lane.items[i + 1]), place = place * 2 * TAKE + i }
      end
    end
    table.sort(picks, by_score)
    for i = #picks, most + 1, -1 do picks[i] = nil end
    return picks
  end

  -- Whether a definition asks for what is counted at each start, or looked up.
  local function has_own_rules(record)
    if record.extras == '' then return false end
    for name in string.gmatch(record.extras, ' (%w+)=') do
      if name == 'mr' or name == 'ck' or name == 'kr' or name == 'rf' or name == 'nt' then return true end
    end
    return false
  end

  -- Leaves these runs, from one on, where they are. False: there are free slots for some of them, which the rest is to look at.
  local function leave_from(picks, i)
    for at = #picks, math.max(i, slots + 1), -1 do picks[at] = nil end
    return i > slots
  end

  -- The record of a run that was picked, if it asks for nothing that is not as usual. Ahead goes only that of which nobody can tell whether it runs
  -- or waits: not what keeps other runs of its job from starting.
  local function read_record(pick, text, is_ahead)
    local at = text and find(text, '\n', 1, true)
    if not at then return nil end
    local head = sub(text, 1, at)
    local record = heads[head]
    if not record then
      record = parse(head)
      if not record or has_own_rules(record) then return nil end
      heads[head] = record
    end
    if record.lane ~= pick.lane.name or (is_ahead and pick.job and record.overlap ~= 'a') then return nil end
    pick.record, pick.body = record, sub(text, at)
    return record
  end

  -- The jobs of runs that were picked, once the definitions of these are all there; nil: not of all for which there are free slots.
  local function read_records(picks)
    local own, jobs, of, texts, bytes = {}, {}, {}, {}, 0
    for i, pick in ipairs(picks) do
      local job, time = match(pick.run, '^([^@]+)@(.+)$')
      if job and not find(time, '^%d+$') then
        if leave_from(picks, i) then break else return nil end
      end
      if not job then own[#own + 1] = pick.run
      else
        pick.job, pick.time = job, tonumber(time)
        if not of[job] then of[job] = true; jobs[#jobs + 1] = job end
      end
    end
    if #own > 0 then for i, text in ipairs(call('HMGET', key.runs, unpack(own))) do texts[own[i]] = text end end
    if #jobs > 0 then for i, text in ipairs(call('HMGET', key.jobs, unpack(jobs))) do of[jobs[i]] = text end end
    for i, pick in ipairs(picks) do
      local record = read_record(pick, pick.job and of[pick.job] or texts[pick.run], i > slots)
      bytes = bytes + (record and #pick.body or 0)
      if not record or bytes > MOST_BYTES then
        if leave_from(picks, i) then break else return nil end
      end
    end
    local left, seen = {}, {}
    for _, pick in ipairs(picks) do
      pick.lane.taken = pick.lane.taken + 1
      if pick.job and not seen[pick.job] then seen[pick.job] = true; left[#left + 1] = pick.job end
    end
    return left
  end

  -- Whether runs of jobs may start: they are still to be, not too late, and do not overlap. `ending`: runs that end in this step.
  local function may_start(picks, jobs, ending)
    if #jobs == 0 then return true end
    local runs, asking, apart = {}, {}, {}
    for _, pick in ipairs(picks) do
      if pick.job then
        runs[#runs + 1] = pick.run
        if pick.record.grace and now - pick.time > pick.record.grace then return false end
        if pick.record.overlap ~= 'a' then
          if apart[pick.job] then return false end
          apart[pick.job] = true
          asking[#asking + 1] = pick.job
        end
      end
    end
    for _, score in ipairs(call('ZMSCORE', key.unstarted, unpack(runs))) do if not score then return false end end
    if #asking > 0 then
      for i, holder in ipairs(call('HMGET', key.running, unpack(asking))) do
        if holder and not ending[match(holder, '^%S+')] then return false end
      end
    end
    return true, runs, asking
  end

  -- Locks, of all or of none.
  local function take_locks(picks)
    if not fused then return true end
    local value, names = arg.node .. ':' .. arg.number, {}
    for i, pick in ipairs(picks) do
      local name = prefix .. 'lock:' .. pick.run .. '#1'
      if not direct('SET', name, value, 'NX', 'PX', arg.lock_ttl) then
        if #names > 0 then direct('DEL', unpack(names)) end
        return false
      end
      names[i] = name
    end
    return true
  end

  -- The entries of what has ended, and what it held goes.
  local function record_outcomes(found, runs, again)
    if #found == 0 then return end
    local at, own, locks, jobs, of_jobs = int(now), {}, {}, {}, {}
    for i, item in ipairs(found) do
      local run, job = item.run, item.job
      local head = item.started .. ' ' .. at .. ' s ' .. item.attempt .. ' ' .. item.token .. ' ' .. arg.node
      head = (job and at_of(run) or item.started) .. ' ' .. head
      tell('ended ' .. run .. ' ' .. head .. '  ')
      if job then
        keep_of_job(job, head .. ' ' .. item.detail, run, item.result, retention(nil, arg.history_max), now)
        jobs[#jobs + 1] = job
        of_jobs[#jobs] = run
      else
        keep_enqueued(item.task, head .. ' ' .. item.detail, run, item.result, false, now)
        own[#own + 1] = run
      end
      locks[i] = prefix .. 'lock:' .. run .. '#' .. item.attempt
    end
    if #own > 0 then call('HDEL', key.runs, unpack(own)) end
    if #jobs > 0 then
      local over = {}
      for i, holder in ipairs(call('HMGET', key.running, unpack(jobs))) do
        if holder and not again[jobs[i]] and match(holder, '^%S+') == of_jobs[i] then over[#over + 1] = jobs[i] end
      end
      if #over > 0 then call('HDEL', key.running, unpack(over)) end
    end
    call('HDEL', key.active, unpack(runs))
    if fused then direct('DEL', unpack(locks)) end
  end

  -- What was picked leaves its lane and is this node's. Answers a text a run: what `claim` answers of it.
  local function record_starts(lanes, picks, asking)
    if #picks == 0 then return {} end
    local at, texts, active = int(now), {}, {}
    local token = draw_tokens(#picks)
    for i, pick in ipairs(picks) do
      local run, task = pick.run, pick.record.task
      local own = int(token + i)
      tell('started ' .. run .. ' 1 ' .. own .. ' ' .. arg.node)
      active[2 * i - 1] = run
      active[2 * i] = own .. ' 1 ' .. at .. ' ' .. arg.number .. ' ' .. task
      texts[i] = run .. ' ' .. own .. ' 1 ' .. at .. ' 0 ' .. task .. ' ' .. pick.body
    end
    in_chunks('HSET', key.active, active, 2 * TAKE)
    for _, lane in ipairs(lanes) do
      if lane.taken > 0 then
        local gone, items = {}, lane.items
        for i = 1, lane.taken do gone[i] = items[2 * i - 1] end
        call('ZREM', lane_key(lane.name), unpack(gone))
        local stays = items[2 * lane.taken + 2]
        if stays then call('ZADD', key.ready, stays, lane.name) else call('ZREM', key.ready, lane.name) end
      end
    end
    if asking and #asking > 0 then
      local held, run_of = {}, {}
      for _, pick in ipairs(picks) do if pick.job then run_of[pick.job] = pick.run end end
      for i, job in ipairs(asking) do held[2 * i - 1] = job; held[2 * i] = run_of[job] .. ' ' .. at end
      call('HSET', key.running, unpack(held))
    end
    return texts
  end

  -- The whole answer, or nil: the rest of the script is to look at it.
  local function answer_plainly()
    if number == last_number then return nil end
    local waits = next_waiting()
    if waits and waits <= now then
      make_due_ready()
      flush_lanes()
      waits = next_waiting()
      if #orphans > 0 or (waits and waits <= now) then return nil end
    end
    local found, ended = read_outcomes()
    if not found then return nil end
    local ending, ended_jobs = {}, {}
    for _, item in ipairs(found) do
      ending[item.run] = true
      ended_jobs[#ended_jobs + 1] = item.job
    end
    local lanes = read_lanes()
    if not lanes or is_limited(lanes) or are_ruled(pauses_of_lanes(lanes), ended, ended_jobs) then return nil end
    local picks = read_picks(lanes)
    local jobs = picks and read_records(picks)
    if not jobs or (#jobs > 0 and are_ruled(pauses_of_jobs(jobs), nil, jobs)) then return nil end
    if call('EXISTS', key.attempts) == 1 then
      local all = { unpack(ended) }
      for _, pick in ipairs(picks) do all[#all + 1] = pick.run end
      if #all > 0 then for _, text in ipairs(call('HMGET', key.attempts, unpack(all))) do if text then return nil end end end
    end
    local may, unstarted, asking = may_start(picks, jobs, ending)
    if not may or not take_locks(picks) then return nil end

    local again = {}
    for _, job in ipairs(asking or {}) do again[job] = true end
    record_outcomes(found, ended, again)
    if unstarted then call('ZREM', key.unstarted, unpack(unstarted)) end
    local texts = record_starts(lanes, picks, asking)
    local answer = string.rep('1', #found)
    call('HSET', key.request, 'number', arg.number, 'accepted', answer)
    flush_events(now)
    return { int(now), answer, waits and int(waits) or '', texts, {}, 0 }
  end

  local answer = answer_plainly()
  if answer then return answer end
end
