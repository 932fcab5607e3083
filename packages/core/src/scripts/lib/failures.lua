-- Jobs that pause themselves after so many runs failed in a row: those with a `pauseAfterFailures`, pf in their record. `failing` has, by job, `<count>`
-- of runs that failed since the last one that succeeded; `<count> paused` from when that was enough until the end of the job's pause. While that pause is
-- there, what still ends changes nothing. One that is over may not have been noticed yet: the next run that ends begins a new series.

do
  local MOST = 500 -- characters of a reason, as for any pause

  -- How many bytes the UTF-8 character at `at` has; nil: it is none.
  local function length_of(text, at)
    local one, two, three, four = string.byte(text, at, at + 3)
    local function follows(byte) return byte and byte >= 0x80 and byte < 0xC0 end
    if one < 0x80 then return 1 end
    if not follows(two) then return nil end
    if one >= 0xC2 and one < 0xE0 then return 2 end
    if not follows(three) then return nil end
    if one >= 0xE0 and one < 0xF0 and (one ~= 0xE0 or two >= 0xA0) and (one ~= 0xED or two < 0xA0) then return 3 end
    if follows(four) and one >= 0xF0 and one < 0xF5 and (one ~= 0xF0 or two >= 0x90) and (one ~= 0xF4 or two < 0x90) then return 4 end
    return nil
  end

  -- The beginning of whatever a node sent, as valid UTF-8 of at most MOST characters as JavaScript counts them.
  local function clip(text)
    local parts, at, size = {}, 1, 0
    while at <= #text do
      local length = length_of(text, at)
      size = size + (length == 4 and 2 or 1)
      if size >= MOST then parts[#parts + 1] = '…'; break end
      parts[#parts + 1] = length and string.sub(text, at, at + length - 1) or '\239\191\189'
      at = at + (length or 1)
    end
    return table.concat(parts)
  end

  -- cjson takes no half of a surrogate pair, which JSON may hold, as where a message was cut.
  local function decode(json)
    local is_json, value = pcall(cjson.decode, json)
    if not is_json then is_json, value = pcall(cjson.decode, (string.gsub(json, '\\u[dD][89a-fA-F]%x%x', '\\ufffd'))) end
    return is_json and type(value) == 'table' and value or {}
  end

  -- Why a run failed, in one line: `<error's name>: <message>`.
  local function reason_of(text)
    local state, detail = string.match(text, '^%S+ %S+ %S+ (%a) %S+ %S+ %S+ ?(.*)$')
    local said = decode(detail or '')
    local found = type(said.error) == 'table' and said.error or {}
    local words = {}
    for _, word in ipairs({ found.name or false, found.message or false }) do
      if type(word) == 'string' and word ~= '' then words[#words + 1] = word end
    end
    if #words == 0 then
      words[1] = state == 'l' and 'lost' or state == 't' and 'timed out' or 'failed'
      if type(said.reason) == 'string' then words[2] = said.reason end
    end
    return clip(table.concat(words, ': '))
  end

  -- A time in ms as ISO 8601 has it, for whoever reads a key with redis-cli.
  local function iso(ms)
    local floor = math.floor
    local day = floor(ms / 86400000) + 719468 -- since 0000-03-01, so that a leap day is a year's last
    local era = floor(day / 146097)
    local of_era = day - era * 146097
    local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
    local of_year = of_era - 365 * year - floor(year / 4) + floor(year / 100)
    local month = floor((5 * of_year + 2) / 153)
    local date = of_year - floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    year = year + era * 400 + (month <= 2 and 1 or 0)
    local left = ms % 86400000
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, date,
      floor(left / 3600000), floor(left / 60000) % 60, floor(left / 1000) % 60, left % 1000)
  end

  local function is_paused_now(job)
    look_at_pauses({ 'job:' .. job })
    return pause_seen['job:' .. job]
  end

  local function pause_itself(job, count, text, now)
    local reason = cjson.encode(reason_of(text))
    local said = '{"reason":' .. reason .. ',"by":"escapement","since":"' .. iso(now) .. '","failures":' .. count .. '}'
    redis.call('SET', arg.prefix .. 'pause:job:' .. job, said, 'NX')
    if step.has_copies then redis.call('HSET', key.carry, 'job:' .. job, '+' .. said) end
    pause_seen['job:' .. job] = true
    note_pause('job:' .. job, now)
    tell('autoPaused ' .. job .. ' ' .. count .. ' ' .. reason)
    for _, item in ipairs({ job, tostring(count), reason }) do table.insert(failing.paused, item) end
  end

  -- A run has failed for good. `text`: the entry of its last attempt. `record`: nil for one of a former job, which says nothing about this one.
  function failing.count(run, record, text, now)
    local job, most = job_of(run), record and tonumber(extra(record, 'pf') or nil)
    if not job or not most then return end
    local said = redis.call('HGET', key.failing, job) or '0'
    local count = tonumber(string.match(said, '^%d+')) or 0
    if string.find(said, ' paused', 1, true) then
      if is_paused_now(job) then return end
      count = 0
    end
    count = count + 1
    failing.of[job] = int(count) .. (count >= most and ' paused' or '')
    redis.call('HSET', key.failing, job, failing.of[job])
    if count < most then return end
    if is_paused_now(job) then note_pause('job:' .. job, now) -- by somebody: its end is to be noticed
    else pause_itself(job, int(count), text, now) end
  end

  -- Looks at the jobs of runs that are about to end, in one go.
  function failing.look(items)
    local jobs = {}
    for _, item in ipairs(items) do
      local job = item.outcome == 's' and job_of(item.run)
      if job and failing.of[job] == nil then
        failing.of[job] = false
        jobs[#jobs + 1] = job
      end
    end
    if #jobs == 0 then return end
    local found = redis.call('HMGET', key.failing, unpack(jobs))
    for i, job in ipairs(jobs) do failing.of[job] = found[i] end
  end

  -- A run that was looked at has succeeded, in the attempt that had this token.
  function failing.reset(run, token)
    local job = job_of(run)
    local said = job and failing.of[job]
    if not said or former.has(run, token) or (string.find(said, ' paused', 1, true) and is_paused_now(job)) then return end
    failing.of[job] = false
    redis.call('HDEL', key.failing, job)
  end

  -- The pause of a job is over: if that was what it had come to, a new series begins, unless it has already.
  function failing.resume(job)
    local said = redis.call('HGET', key.failing, job)
    if said and string.find(said, ' paused', 1, true) then redis.call('HDEL', key.failing, job) end
  end

  -- A job is removed: what it says of itself goes with it. What others said stays. A pause that is over is so at once: what is defined under the
  -- job's id from now on has missed nothing under it.
  function failing.forget(job)
    redis.call('HDEL', key.failing, job)
    local name = 'job:' .. job
    local pause = arg.prefix .. 'pause:' .. name
    local kind = redis.call('TYPE', pause).ok
    if kind == 'string' then
      local text = redis.call('GETRANGE', pause, 0, 8191)
      local said = decode(text)
      if said.by ~= 'escapement' or not said.failures then return end
      redis.call('DEL', pause)
      if step.has_copies then redis.call('HSET', key.carry, name, '-' .. text) end
    elseif kind ~= 'none' then return end
    close_pause(name)
  end
end
